"""The boundaries of what is counted in money and distance: sizes, losses, stops."""

from dataclasses import replace
from decimal import Decimal

from risk.checks import AccountSnapshot
from tests.risk.boundaries import Row, exact, held, lost, market, sized, stopped, uncertain, upside
from tests.risk.cases import LIMITS

D = Decimal
NO_BUFFER = replace(LIMITS, liquidation_buffer_pct=D(0))

SIZES = (
    Row(
        "leverage",
        sized("10", "75"),
        sized("10", "75.01"),
        "• Leverage 75.01x is above the limit of 75x. ETH_UPSIDE offers more.\n   ↳ passes up to 75x",
    ),
    Row(
        "leverage",
        sized("10", "75"),
        sized("10", "75.01") | market(upside_symbol=""),
        "• Leverage 75.01x is above the limit of 75x.\n   ↳ passes up to 75x",
        "without an Upside pair",
    ),
    Row(
        "leverage",
        upside("100", "75"),
        upside("100", "74.99"),
        "• Leverage 74.99x is below this market's minimum of 75x.",
        "minimum",
    ),
    Row(
        "min_notional",
        sized("50", "2"),
        sized("49.99", "2"),
        "• Notional 99.98 USDC is below the venue's minimum of 100.00 USDC.",
    ),
    Row(
        "position_size",
        held("98000", pending_notional_usd=D(1000)),
        held("98000", pending_notional_usd=D("1000.01")),
        (
            "• Your exposure in this market would be 100,000.01 USDC; the limit is 100,000.00 USDC.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.99x"
        ),
    ),
    Row(
        "headroom",
        market(headroom_usd=D(1000)),
        market(headroom_usd=D("999.99")),
        (
            "• The venue has room for 999.99 USDC of notional here.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.99x"
        ),
    ),
    Row(
        "too_many_positions",
        market(max_positions=40) | held("0", position_count=39),
        market(max_positions=40) | held("0", position_count=40),
        "• The venue takes 40 positions in a market.",
    ),
    Row(
        "margin",
        stopped("2950") | {"account": AccountSnapshot(D("1000.45"), reserved_usd=D(900))},
        stopped("2950") | {"account": AccountSnapshot(D("1000.44"), reserved_usd=D(900))},
        (
            "• Collateral and fee are 100.45 USDC; 100.44 USDC is free.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.77x"
        ),
    ),
)
LOSSES = (
    Row(
        "account_risk",
        sized("1000", "2"),
        sized("1000.01", "2"),
        (
            "• You could lose 1,000.01 USDC here; the limit for one position is 1,000.00 USDC.\n"
            "   ↳ passes up to 1,000.00 USDC of collateral, or with a stop at 1,789.019"
        ),
    ),
    Row(
        "daily_loss",
        lost("1000", positions_usd=D(600), pending_usd=D(300)),
        lost("1000", positions_usd=D(600), pending_usd=D("300.01")),
        (
            "• With this order you could lose 2,000.01 USDC today; the limit for a day is 2,000.00 USDC.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or with a stop at 2,758.164"
        ),
    ),
    Row(
        "daily_loss_locked",
        lost("1999.99") | sized("0.01", "1") | market(min_notional_usd=D(0)),
        lost("2000") | sized("0.01", "1") | market(min_notional_usd=D(0)),
        "• You have reached today's loss limit of 2,000.00 USDC. Opening opens again at 00:00 UTC. Closing works.",
        beside=("daily_loss",),
    ),
    Row(
        "daily_loss_locked",
        lost("0"),
        lost("0", is_locked=True),
        "• You have reached today's loss limit of 2,000.00 USDC. Opening opens again at 00:00 UTC. Closing works.",
        "after a recovery",
    ),
)
DISTANCES = (
    Row(
        "spread_too_wide",
        market(spread_rate=D("0.01")),
        market(spread_rate=D("0.010001")),
        "• The spread is 1.0001 %; 1.0000 % is the limit.",
    ),
    Row(
        "spread_loss",
        market(spread_rate=D("0.005")) | sized("10", "50.19"),
        market(spread_rate=D("0.005")) | sized("10", "50.20"),
        "• The spread alone would cost 25.100 % of the collateral.\n   ↳ passes up to 50.19x",
    ),
    # 0.85 / 50 less 5 % of it, and the fill takes the uncertainty.
    Row(
        "liquidation_buffer",
        uncertain("0.016415") | sized("10", "50"),
        uncertain("0.016416") | sized("10", "50"),
        "• Too close to liquidation: 0.0849 % away; at least 0.0850 % is needed.\n   ↳ passes up to 49.99x",
        "mark",
    ),
    Row(
        "liquidation_buffer",
        exact() | stopped("2757.75"),
        exact() | stopped("2757.74"),
        "• Too close to liquidation: 0.4247 % away; at least 0.4250 % is needed.\n   ↳ passes up to 9.99x",
        "stop",
    ),
    Row(
        "stop_beyond_liquidation",
        exact(limits=NO_BUFFER) | stopped("2745.01"),
        exact(limits=NO_BUFFER) | stopped("2745"),
        "• The stop 2,745.00 lies beyond liquidation at 2,745.00: it would never fire.\n   ↳ passes up to 9.99x",
    ),
    Row("stop_wrong_side", stopped("2999"), stopped("3000"), "• The stop 3,000.00 is on the wrong side of 3,000.00."),
    Row(
        "stop_too_far",
        market(max_stop_loss_rate=D("0.8")) | stopped("2760"),
        market(max_stop_loss_rate=D("0.8")) | stopped("2759.99"),
        "• The stop loses 80.003 % of the collateral; the venue takes 80.000 %.\n   ↳ passes up to 9.99x",
    ),
    Row(
        "stop_too_close",
        stopped("2999.4"),
        stopped("2999.41"),
        "• The stop is 0.197 % of the collateral away; at least 0.200 %.",
    ),
    # 11.25 % of the collateral at 100x.
    Row(
        "stop_too_close",
        upside("20", "100", stop="2996.625"),
        upside("20", "100", stop="2996.635"),
        "• The stop is 11.217 % of the collateral away; at least 11.250 %.",
        "Upside",
    ),
    Row(
        "take_profit_wrong_side",
        sized(take_profit="3001"),
        sized(take_profit="3000"),
        "• The take-profit 3,000.00 is on the wrong side of 3,000.00.",
    ),
    Row(
        "take_profit_too_far",
        market(max_gain_rate=D(25)) | sized(take_profit="10500"),
        market(max_gain_rate=D(25)) | sized(take_profit="10500.01"),
        "• The take-profit gains 2,500.003 %; the venue pays 2,500.000 %.\n   ↳ passes up to 9.99x",
    ),
)
ROWS = SIZES + LOSSES + DISTANCES
