"""Whether the price is good enough for this leverage, and how close liquidation would be. Pure."""

from decimal import Decimal

from feeds.consensus import MarkPrice, NoConsensus
from risk.rules.case import Case, Resulting, Surroundings, at_least, at_most, resulting
from risk.rules.venue import adverse_move
from risk.values import CheckResult
from vanta.money import ZERO

MS_PER_S = Decimal(1000)


def price_is_there(case: Surroundings) -> CheckResult:
    """The detail is the consensus's reason."""
    if isinstance(case.mark, NoConsensus):
        return CheckResult("price_unavailable", False, detail=case.mark.reason)
    return CheckResult("price_unavailable", True)


def price_age(case: Surroundings) -> CheckResult | None:
    """Seconds since the quote behind the mark, by its source's own clock."""
    if not isinstance(case.mark, MarkPrice):
        return None
    age_s = Decimal(max(case.now_ms - case.mark.as_of_ms, 0)) / MS_PER_S
    return at_most("price_stale", age_s, case.limits.price_max_age_s)


def price_uncertainty(case: Case) -> CheckResult | None:
    """The mark's uncertainty is small against the distance to liquidation; both fractions of the price."""
    if not isinstance(case.entry, MarkPrice):
        return None
    allowed = case.limits.price_max_uncertainty_share * _at_worst_fill(case, case.entry).liquidation_distance
    return at_most("price_uncertain", case.entry.uncertainty, allowed)


def stop_before_liquidation(case: Case) -> CheckResult | None:
    """A stop that liquidation comes before never fires."""
    if case.order.stop_price is None or not isinstance(case.entry, MarkPrice):
        return None
    liquidation = _at_worst_fill(case, case.entry).liquidation_price
    passed = case.order.side.sign * (case.order.stop_price - liquidation) > ZERO
    return CheckResult("stop_beyond_liquidation", passed, case.order.stop_price, liquidation)


def liquidation_buffer(case: Case) -> CheckResult | None:
    """What is left of the distance to liquidation after the worst fill and at the stop, as fractions of the entry.

    At least `liquidation_buffer_pct` of the whole distance. The detail says which of the two was measured, the smaller
    one: `mark` or `stop`; a stop on the wrong side is another rule's matter.
    """
    if not isinstance(case.entry, MarkPrice):
        return None
    position = _at_worst_fill(case, case.entry)
    required = case.limits.liquidation_buffer_pct * position.liquidation_distance
    stop = case.order.stop_price
    if (
        stop is not None and adverse_move(case.order.side, case.entry, stop) > ZERO
    ):  # nearer to liquidation than the mark is
        return at_least("liquidation_buffer", _distance(position, stop), required, "stop")
    return at_least("liquidation_buffer", _distance(position, case.entry.price), required, "mark")


def stop_at_buffer(case: Case, mark: MarkPrice) -> Decimal:
    """The furthest stop, exact, that keeps the liquidation buffer."""
    position = _at_worst_fill(case, mark)
    required = case.limits.liquidation_buffer_pct * position.liquidation_distance
    return position.liquidation_price + position.side.sign * required * position.entry_price


def _at_worst_fill(case: Case, mark: MarkPrice) -> Resulting:
    """Slippage is not in it: it moves the fill and with it the liquidation price, and counts in the worst loss."""
    return resulting(case.order, mark, case.market.spread_rate + mark.uncertainty)


def _distance(position: Resulting, price: Decimal) -> Decimal:
    return position.side.sign * (price - position.liquidation_price) / position.entry_price
