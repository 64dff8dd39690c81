"""A day of trading on the rules alone: openings that they approve, a price that moves, stops that are hit."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from hypothesis import strategies as st

from risk import margin
from risk.checks import AccountSnapshot, Day, OpeningRequest
from risk.margin import Side
from tests.risk.cases import ETH, LIMITS, decide, mark, order
from vanta.money import ONE, ZERO

D = Decimal
SLIPPAGE = D("0.001")
START, ETH_PRICE = D(10_000), D(3000)
FEE = ETH.close_fee_rate
NO_OTHER_LIMIT = replace(LIMITS, max_position_size_usd=D(10) ** 9, max_account_risk_pct=ONE)


@dataclass(slots=True)
class Held:
    """A position, or an opening that waits for its fill: at the price that it was approved at, on the worst side."""

    order: OpeningRequest
    worst_loss_usd: Decimal
    approved_at: Decimal

    @property
    def entry_price(self) -> Decimal:
        rate = ETH.spread_rate + SLIPPAGE
        return margin.fill_price_with_spread(side=self.order.side, price=self.approved_at, spread_rate=rate)

    def has_ended(self, price: Decimal) -> bool:
        """Whether the price has reached the stop, or liquidation."""
        if self.order.stop_price is not None:
            return self.order.side.sign * (price - self.order.stop_price) <= ZERO
        return self.pnl(price) <= -self.order.collateral_usd * margin.LIQUIDATION_THRESHOLD

    def pnl(self, price: Decimal) -> Decimal:
        """Net of the spread and the close fee, were it closed at this mark."""
        out = margin.fill_price_with_spread(
            side=self.order.side, price=price, spread_rate=ETH.spread_rate, opening=False
        )
        net = margin.net_pnl(
            side=self.order.side,
            entry_price=self.entry_price,
            price=out,
            collateral_usd=self.order.collateral_usd,
            notional_usd=self.order.notional_usd,
            close_fee_rate=FEE,
        ).net_usd
        return max(net, -self.order.collateral_usd)

    def worst(self) -> Decimal:
        """W of the open position."""
        return margin.worst_loss(
            side=self.order.side,
            entry_price=self.entry_price,
            collateral_usd=self.order.collateral_usd,
            notional_usd=self.order.notional_usd,
            stop_price=self.order.stop_price,
            spread_rate=ETH.spread_rate,
            slippage_rate=SLIPPAGE,
            close_fee_rate=FEE,
        )


@dataclass(slots=True)
class TradingDay:
    """Steps of (move of the price, what is tried, with which order): open, fill what waits, close the oldest.

    `most_lost_usd` is the largest that all realised results together ever were below zero.
    """

    steps: list[tuple[Decimal, str, OpeningRequest]]
    price: Decimal = ETH_PRICE
    free: Decimal = START
    realised_usd: Decimal = ZERO
    most_lost_usd: Decimal = ZERO
    open_fees_usd: Decimal = ZERO
    waiting: list[Held] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)

    def run(self) -> None:
        """All steps, and at last the worst: every opening is filled, and every position ends at its worst."""
        for move, act, wish in self.steps:
            self._move_to(self.price * (1 + move))
            if act == "open":
                self._open(wish)
            elif act == "fill":
                self._fill()
            elif self.held:
                self._end(self.held[0], self.held[0].pnl(self.price))
        self._fill()
        for position in list(self.held):
            self._end(position, -position.worst())

    def snapshot(self) -> AccountSnapshot:
        """The account as trading would hand it to the checks."""
        pnls = [position.pnl(self.price) for position in self.held]
        at_stops = zip(self.held, pnls, strict=True)
        return AccountSnapshot(
            free_usd=self.free,
            reserved_usd=sum((each.order.collateral_usd + _open_fee(each.order) for each in self.waiting), ZERO),
            collateral_usd=sum((each.order.collateral_usd for each in self.held), ZERO),
            unrealised_pnl_usd=sum(pnls, ZERO),
            day=Day(
                opening_equity_usd=START,
                gains_usd=sum((max(pnl, ZERO) for pnl in pnls), ZERO),
                positions_usd=sum((max(each.worst() + min(pnl, ZERO), ZERO) for each, pnl in at_stops), ZERO),
                pending_usd=sum((each.worst_loss_usd for each in self.waiting), ZERO),
            ),
        )

    def _move_to(self, price: Decimal) -> None:
        """A stop is filled no worse than its slippage; a liquidation takes all."""
        self.price = price
        for position in [each for each in self.held if each.has_ended(price)]:
            self._end(position, -position.worst())

    def _open(self, wish: OpeningRequest) -> None:
        decision = decide(
            _at(wish, self.price), account=self.snapshot(), mark=mark(str(self.price)), limits=NO_OTHER_LIMIT
        )
        if decision.approved:
            loss = next(check.measured for check in decision.checks if check.code == "account_risk")
            self.waiting.append(Held(_at(wish, self.price), loss or ZERO, self.price))

    def _fill(self) -> None:
        for each in self.waiting:
            self.free -= each.order.collateral_usd + _open_fee(each.order)
            if each.order.stop_price is None:  # its worst loss is the collateral, without the fee
                self.open_fees_usd += _open_fee(each.order)
        self.held += self.waiting
        self.waiting = []

    def _end(self, position: Held, result_usd: Decimal) -> None:
        self.held.remove(position)
        self.free += position.order.collateral_usd + result_usd
        self.realised_usd += result_usd
        self.most_lost_usd = max(self.most_lost_usd, -self.realised_usd)


def _at(wish: OpeningRequest, price: Decimal) -> OpeningRequest:
    """The wish at this price; its stop is given as a move of the price."""
    move = wish.stop_price
    stop = None if move is None else (price * (1 - wish.side.sign * move)).quantize(D("0.01"))
    return replace(wish, stop_price=stop)


def _open_fee(wish: OpeningRequest) -> Decimal:
    return margin.open_fee(notional_usd=wish.notional_usd, rate=ETH.open_fee_rate)


def days() -> st.SearchStrategy[TradingDay]:
    """Up to thirty steps: large orders with near, far and no stops, at a price that moves a few percent a step."""
    wishes = st.builds(
        lambda collateral, leverage, side, stop: order(
            str(collateral), str(leverage), side, stop_price=stop, slippage_rate=SLIPPAGE
        ),
        st.integers(50, 2000),
        st.integers(2, 20),
        st.sampled_from(Side),
        st.none() | st.decimals(D("0.004"), D("0.3"), places=3),
    )
    moves = st.decimals(D("-0.05"), D("0.05"), places=3)
    acts = st.sampled_from(["open", "open", "open", "fill", "fill", "close"])
    return st.lists(st.tuples(moves, acts, wishes), min_size=1, max_size=30).map(TradingDay)
