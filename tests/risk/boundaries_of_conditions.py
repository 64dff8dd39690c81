"""The boundaries of what an order comes upon: its own numbers, states, prices, what was opened before."""

import datetime as dt
from decimal import Decimal

from feeds.consensus import NoConsensus
from risk.checks import AccountSnapshot, TradingState
from risk.margin import Side
from risk.usage import DAY_MS, HOUR_MS, MINUTE_MS, UNKNOWN
from risk.values import EquityThen, Losses
from tests.risk.boundaries import Row, held, market, protected, sized, stopped, upside, used, waiting
from tests.risk.cases import NOW_MS, mark

D = Decimal
EQUITY_A_DAY_AGO = Losses(openings=(EquityThen(NOW_MS - DAY_MS, D(10_000)),))
MONDAY = dt.datetime(2026, 11, 23, 22, 5, tzinfo=dt.UTC)
INPUTS = (
    Row(
        "invalid_collateral",
        sized("100.000001"),
        sized("100.0000001"),
        "• This collateral is not an amount that can be traded.",
    ),
    Row(
        "invalid_leverage",
        sized(leverage="10.01"),
        sized(leverage="10.001"),
        "• This leverage is not one that can be traded (two decimals at most).",
    ),
    Row("invalid_stop", stopped("2950.0000000001"), stopped("2950.00000000001"), "• This stop is not a price."),
    Row(
        "invalid_take_profit",
        sized(take_profit="3100.0000000001"),
        sized(take_profit="3100.00000000001"),
        "• This take-profit is not a price.",
    ),
    Row(
        "invalid_limit",
        waiting("2900.0000000001"),
        waiting("2900.00000000001"),
        "• The price to wait for is not a price.",
    ),
    Row(
        "invalid_slippage",
        sized(slippage_rate=D("0.499999")),
        sized(slippage_rate=D("0.5")),
        "• The slippage allowance is not a fraction; an admin has to look at the settings.",
    ),
    Row(
        "invalid_snapshot",
        {"account": AccountSnapshot(D("9e20"))},
        {"account": AccountSnapshot(D("1e21"))},
        "• Your account or this market cannot be read right now. Please tell an admin.",
    ),
)
STATES = (
    Row(
        "trading_state",
        {"trading_state": TradingState.ACTIVE},
        {"trading_state": TradingState.REDUCING},
        "• Trading is being wound down: no openings now. Closing works.",
    ),
    Row(
        "trading_state",
        {},
        {"trading_state": TradingState.HALTED},
        "• Trading is halted: nothing is sent to the venue.",
        "halted",
    ),
    Row("market_not_listed", {}, market(is_listed=False), "• The venue does not list this market any more."),
    Row("market_close_only", {}, market(is_close_only=True), "• The venue only takes closings in this market."),
    Row("market_closed", {}, market(is_open=False), "• The market is closed."),
    Row(
        "market_closed",
        {},
        market(is_open=False, opens_at=MONDAY),
        "• The market is closed until Mon 23 Nov 22:05 UTC.",
        "with a time",
    ),
    Row(
        "no_limit_orders",
        upside("20", "100"),
        upside("20", "100", limit="2900"),
        (
            "• Upside markets have no limit orders: they are opened at once. "
            "Leave the price out, or take the plain market."
        ),
    ),
    Row(
        "previous_order_unresolved",
        {},
        held("0", has_unresolved_order=True),
        "• What became of your last order here is not known yet. Closing works.",
    ),
    Row(
        "price_unavailable",
        {},
        {"mark": NoConsensus("vetoed")},
        "• No price can be trusted right now: an independent source contradicts the price.",
    ),
    Row(
        "rate_limits_unavailable",
        {"usage": None},
        {"usage": UNKNOWN},
        "• What you have opened lately cannot be looked up right now, so nothing opens. Closing works.",
    ),
)
PRICES = (
    Row(
        "price_stale",
        {"mark": mark(age_ms=5000)},
        {"mark": mark(age_ms=5001)},
        "• The price is 5.001 s old; 5 s is the limit.",
    ),
    # A quarter of 0.85 / 10.
    Row(
        "price_uncertain",
        {"mark": mark(uncertainty="0.02125")},
        {"mark": mark(uncertainty="0.0212501")},
        "• The price is uncertain by 2.12501 %; at this leverage 2.12500 % is the limit.\n   ↳ passes up to 9.99x",
    ),
)
SIDES = (
    Row(
        "limit_wrong_side",
        waiting("2999.9999999999"),
        waiting("3000"),
        (
            "• A limit order to buy waits below the mark of 3,000.00; at 3,000.00 it would be bought at once. "
            "To buy when it rises to 3,000.00, write <code>stop@3000</code>."
        ),
        "limit long",
    ),
    Row(
        "limit_wrong_side",
        waiting("3000.0000000001", side=Side.SHORT, waits_below=False),
        waiting("2900.5", side=Side.SHORT, waits_below=False),
        (
            "• A limit order to sell waits above the mark of 3,000.00; at 2,900.50 it would be sold at once. "
            "To sell when it falls to 2,900.50, write <code>stop@2900.5</code>."
        ),
        "limit short",
    ),
    Row(
        "limit_wrong_side",
        waiting("3000.0000000001", waits_below=False),
        waiting("2900", waits_below=False),
        (
            "• A stop-limit order to buy waits above the mark of 3,000.00; at 2,900.00 it would be bought at once. "
            "To buy when it falls to 2,900.00, write <code>@2900</code>."
        ),
        "stop-limit long",
    ),
    Row(
        "limit_wrong_side",
        waiting("2999.9999999999", side=Side.SHORT),
        waiting("3100", side=Side.SHORT),
        (
            "• A stop-limit order to sell waits below the mark of 3,000.00; at 3,100.00 it would be sold at once. "
            "To sell when it rises to 3,100.00, write <code>@3100</code>."
        ),
        "stop-limit short",
    ),
)
RATES = (
    Row(
        "opens_per_minute",
        used("opens_per_minute", "4"),
        used("opens_per_minute", "5", 12_000),
        "• You have opened 5 of 5 positions in the last minute; the next one passes in 12 s.",
    ),
    Row(
        "trades_per_day",
        used("trades_per_day", "49"),
        used("trades_per_day", "50", 5 * HOUR_MS),
        "• You have opened 50 of 50 positions in the last 24 hours; the next one passes in 5 h.",
    ),
    Row(
        "hourly_volume",
        used("hourly_volume", "9000"),
        used("hourly_volume", "9000.01", 12 * MINUTE_MS),
        (
            "• You have opened 9,000.01 of 10,000 USDC in the last hour; "
            "999.99 would pass now, the whole order in 12 min.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.99x"
        ),
    ),
    Row(
        "hourly_volume",
        {},
        used("hourly_volume", "0", None) | sized("1000", "10.01", stop="2950"),
        (
            "• You have opened 0 of 10,000 USDC in the last hour; "
            "10,000 would pass now, the whole order never: it is larger than that.\n"
            "   ↳ passes up to 999.00 USDC of collateral, or up to 10x"
        ),
        "never",
    ),
    Row(
        "daily_volume",
        used("daily_volume", "49000"),
        used("daily_volume", "49000.01", 90 * MINUTE_MS),
        (
            "• You have opened 49,000.01 of 50,000 USDC in the last 24 hours; "
            "999.99 would pass now, the whole order in 90 min.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.99x"
        ),
    ),
)
LOCKS = (
    Row(
        "cooldown",
        protected(Losses(last_stop_out_ms=NOW_MS - HOUR_MS), cooldown_minutes=60),
        protected(Losses(last_stop_out_ms=NOW_MS - HOUR_MS + 1), cooldown_minutes=60),
        (
            "• A cool-down of 60 min follows a stop-out or a liquidation; your last was 59 min ago. "
            "You can open again from Thu 09 Oct 08:53:21 UTC (in 1 s). Closing works."
        ),
    ),
    Row(
        "drawdown_lock",
        protected(EQUITY_A_DAY_AGO, "9000", drawdown_pct=D("0.1"), drawdown_days=7),
        protected(EQUITY_A_DAY_AGO, "8999.99", drawdown_pct=D("0.1"), drawdown_days=7),
        (
            "• Your equity is 10.01 % below its recent high; 10.00 % is the limit. "
            "You can open again from Wed 15 Oct 08:53:20 UTC (in 6 d), or once it is back within the limit. "
            "Closing works."
        ),
    ),
    Row(
        "market_lock",
        protected(Losses(stop_outs_here_ms=(NOW_MS - 2, NOW_MS - 1)), market_stops=3, market_stops_hours=24),
        protected(
            Losses(stop_outs_here_ms=(NOW_MS - 3, NOW_MS - 2, NOW_MS - 1)), market_stops=3, market_stops_hours=24
        ),
        (
            "• You were stopped out or liquidated here 3 times lately; 3 lock the market for you. "
            "You can open here again from Fri 10 Oct 08:53:20 UTC (in 24 h). Closing works."
        ),
    ),
)
ROWS = INPUTS + STATES + PRICES + SIDES + RATES + LOCKS
