// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// What Vanta reads of a Chainlink feed, price or sequencer uptime; a test says what the round is.
contract Aggregator {
    struct Round {
        uint80 roundId;
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        uint80 answeredInRound;
    }

    string public description;
    uint8 public immutable decimals;
    Round public latestRoundData;

    constructor(string memory description_, uint8 decimals_) {
        description = description_;
        decimals = decimals_;
    }

    function setRound(Round calldata round) external {
        latestRoundData = round;
    }
}
