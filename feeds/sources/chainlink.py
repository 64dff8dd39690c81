"""Chainlink's aggregators on Base, read through web3. A round may be 20 minutes old: in practice it vetoes.

An aggregator is believed only while the chain's sequencer is up and has been for a while (after an outage everybody
but the aggregator knows the price), when it says that it is the feed we mean, and when its round is complete and young.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, NamedTuple, cast

import structlog
from django.conf import settings
from eth_typing import ABI
from web3 import AsyncWeb3
from web3.contract.async_contract import AsyncContract, AsyncContractFunction
from web3.exceptions import Web3Exception
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from feeds.consensus import Quote
from feeds.sources.background import private_loop
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.http import read_price
from feeds.sources.transport import ExactTransport
from vanta import clock

log = structlog.get_logger(__name__)
# By price symbol; from Chainlink's list of feeds for Base. What an address is, it must say itself: `description()`.
FEEDS = {
    "ETH/USD": "0x71041dddad3595F9CEd3DcCFBe3D1F4b0a16Bb70",
    "BTC/USD": "0x64c911996D3c6aC71f9b455B1E8E7266BcbD848F",
}
SEQUENCER = "0xBCF85224fc0756B9Fa45aA7892530B47e10b6433"
HEARTBEAT_S = 1200
HEARTBEAT_MARGIN_S = 120  # a round is due at the heartbeat, then it has to get into a block and the block to our node
SEQUENCER_GRACE_S = 3600  # what Chainlink recommends: after an outage the feeds need time to catch up
CONNECTIONS = 4
CALL_TIMEOUT_S = 1.5  # the sequencer, a feed's description, its round, one after the other: less than timeout_s
DEFAULT_PAUSE_S = 30
RATE_LIMIT_CODES = {-32005, -32016}  # EIP-1474's, and that of the proxy in front of Base's public node
EXACT = Context(prec=78)  # an int256 has 77 digits
MS_PER_S = 1000
WRONG_DESCRIPTION = "the description is another feed's"

_UINT80, _INT256, _UINT256 = ({"name": "", "type": kind} for kind in ("uint80", "int256", "uint256"))


def _view(name: str, *outputs: Any) -> Any:
    return {"type": "function", "name": name, "stateMutability": "view", "inputs": [], "outputs": list(outputs)}


AGGREGATOR_ABI: ABI = [
    _view("description", {"name": "", "type": "string"}),
    _view("decimals", {"name": "", "type": "uint8"}),
    _view("latestRoundData", _UINT80, _INT256, _UINT256, _UINT256, _UINT80),
]


class Round(NamedTuple):
    """What `latestRoundData()` returns, in its order; times in Unix seconds."""

    round_id: int
    answer: int
    started_at_s: int
    updated_at_s: int
    answered_in_round: int


def round_refusal(found: Round, *, now_ms: int, max_age_ms: int) -> str | None:
    """Why a feed's round is no price, or None where it is one."""
    if _is_incomplete(found):
        return "the round is incomplete"
    if found.answer <= 0:
        return "the answer is not positive"
    if now_ms - found.updated_at_s * MS_PER_S > max_age_ms:
        return "the round is too old"
    return None


def sequencer_refusal(found: Round, *, now_ms: int) -> str | None:
    """Why no feed may be believed now, or None. The uptime feed answers 0 for up, 1 for down, since `started_at_s`."""
    if _is_incomplete(found):
        return "the sequencer's round is incomplete"
    if found.answer != 0:
        return "the sequencer is down"
    if now_ms - found.started_at_s * MS_PER_S < SEQUENCER_GRACE_S * MS_PER_S:
        return "the sequencer was down until a short while ago"
    return None


def _is_incomplete(found: Round) -> bool:
    return found.updated_at_s == 0 or found.started_at_s == 0 or found.answered_in_round < found.round_id


class ChainlinkSource:
    """One call for the sequencer, then one a feed, all at once; what a feed is, is asked once in a process."""

    name = "chainlink"
    upstream = "chainlink"
    weight = Decimal("1.0")
    max_age_ms = (HEARTBEAT_S + HEARTBEAT_MARGIN_S) * MS_PER_S
    timeout_s = 5.0
    spared_ms = 0
    longest_pause_s = 60

    def __init__(self, *, feeds: Mapping[str, str] = FEEDS, sequencer: str = SEQUENCER) -> None:
        self._transport = ExactTransport(
            connections=CONNECTIONS, timeout_s=CALL_TIMEOUT_S, default_pause_s=DEFAULT_PAUSE_S
        )
        web3 = AsyncWeb3(RpcProvider(settings.BASE_RPC_URL, self._transport), middleware=())
        self._feeds = {symbol: _aggregator(web3, address) for symbol, address in feeds.items()}
        self._sequencer = _aggregator(web3, sequencer)
        self._decimals: dict[str, int] = {}
        self._refusals: dict[str, str | None] = {}

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        """As `PriceSource.fetch`."""
        symbols = [market.symbol for market in markets if market.symbol in self._feeds]
        if not symbols:
            return []
        try:
            answers = private_loop().run(self._ask_all(symbols), timeout_s=self.timeout_s)
        except TimeoutError as error:
            raise SourceError("timeout", source=self.name) from error
        quotes = [answer for answer in answers if isinstance(answer, Quote)]
        if not quotes:
            failures = [answer for answer in answers if isinstance(answer, SourceError)]
            raise max(failures, key=lambda failure: failure.retry_after_s or 0)
        return quotes

    def close(self) -> None:
        """Close the connections."""
        private_loop().run(self._transport.close(), timeout_s=self.timeout_s)

    async def _ask_all(self, symbols: Sequence[str]) -> list[Quote | SourceError]:
        found = Round(*await _call(self._sequencer.functions.latestRoundData()))
        refusal = sequencer_refusal(found, now_ms=clock.now_ms())
        if refusal:
            raise SourceError(refusal, source=self.name)
        return await asyncio.gather(*[self._ask(symbol) for symbol in symbols])

    async def _ask(self, symbol: str) -> Quote | SourceError:
        try:
            return await self._quote(symbol)
        except SourceError as error:
            return error

    async def _quote(self, symbol: str) -> Quote:
        decimals = await self._decimals_of(symbol)
        found = Round(*await _call(self._feeds[symbol].functions.latestRoundData()))
        now_ms = clock.now_ms()
        refusal = round_refusal(found, now_ms=now_ms, max_age_ms=self.max_age_ms)
        if refusal:
            raise self._refuse(symbol, refusal)
        price = read_price(Decimal(found.answer).scaleb(-decimals, context=EXACT))
        if price is None:
            raise self._refuse(symbol, "the answer is no sensible price")
        self._refusals[symbol] = None
        return Quote(
            market=symbol,
            source=self.name,
            upstream=self.upstream,
            price=price,
            timestamp_ms=found.updated_at_s * MS_PER_S,
            received_at_ms=now_ms,
            weight=self.weight,
            max_age_ms=self.max_age_ms,
        )

    async def _decimals_of(self, symbol: str) -> int:
        """The feed's decimals, once it has said that it is the feed we mean; one that is another is never used."""
        if symbol in self._decimals:
            return self._decimals[symbol]
        if self._refusals.get(symbol) == WRONG_DESCRIPTION:
            raise self._refuse(symbol, WRONG_DESCRIPTION)
        functions = self._feeds[symbol].functions
        description, decimals = await asyncio.gather(_call(functions.description()), _call(functions.decimals()))
        if description != symbol.replace("/", " / "):
            raise self._refuse(symbol, WRONG_DESCRIPTION)
        self._decimals[symbol] = decimals
        return self._decimals[symbol]

    def _refuse(self, symbol: str, reason: str) -> SourceError:
        """The error to raise; logged when the reason is a new one, for the source's other feeds go on unharmed."""
        if self._refusals.get(symbol) != reason:
            self._refusals[symbol] = reason
            log.warning("feed_refused", source=self.name, market=symbol, reason=reason)
        return SourceError(reason, source=self.name, market=symbol)


class RpcProvider(AsyncJSONBaseProvider):
    """web3's calls over our transport, where nothing is retried and no error's text holds the URL (and its key).

    web3's own provider takes a lock of the whole process in a thread at each request; one that is cancelled in that
    moment leaves it locked. It also lets a contract send us to any server (CCIP read).
    """

    global_ccip_read_enabled = False

    def __init__(self, url: str, transport: ExactTransport) -> None:
        super().__init__()
        self._url = url
        self._transport = transport

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The answer in the form that web3 expects, nothing else in it. Raises SourceError."""
        answer = await self._transport.json("POST", self._url, body=self.encode_rpc_request(method, params))
        if not isinstance(answer, dict):
            raise SourceError("unexpected shape")
        if answer.get("error") is not None:
            raise _rpc_error(answer["error"])
        if not isinstance(answer.get("result"), str):
            raise SourceError("unexpected shape")
        return cast(RPCResponse, {"jsonrpc": "2.0", "id": 0, "result": answer["result"]})


def _rpc_error(error: Any) -> SourceError:
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int):
        return SourceError("unexpected shape")
    if code in RATE_LIMIT_CODES:
        return SourceError("rate limited", retry_after_s=DEFAULT_PAUSE_S)
    return SourceError("the node answers with an error", rpc_code=code)


def _aggregator(web3: AsyncWeb3[Any], address: str) -> AsyncContract:
    return web3.eth.contract(address=web3.to_checksum_address(address), abi=AGGREGATOR_ABI)


async def _call(function: AsyncContractFunction) -> Any:
    """What a contract's function returns. Raises SourceError, also where nothing is there or something else answers."""
    try:
        return await function.call()
    except (Web3Exception, ValueError) as error:
        raise SourceError(type(error).__name__) from error
