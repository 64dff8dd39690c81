"""What is asked of an order that waits for its price: whether it may, and whether it would wait at all. Pure."""

from feeds.consensus import MarkPrice
from risk.rules.case import Case
from risk.values import CheckResult


def market_takes_limits(case: Case) -> CheckResult | None:
    """The venue executes Upside orders at once or never."""
    if case.order.limit_price is None:
        return None
    return CheckResult("no_limit_orders", not case.market.is_upside)


def limit_side(case: Case) -> CheckResult | None:
    """Its price lies beyond the mark; else it would be executed at once. The detail is what kind of order it is."""
    order = case.order
    if order.limit_price is None or not isinstance(case.mark, MarkPrice):
        return None
    waits = order.limit_price < case.mark.price if order.waits_below else order.limit_price > case.mark.price
    is_limit = order.waits_below == (order.side.sign > 0)
    detail = f"{'limit' if is_limit else 'stop_limit'} {order.side.value}"
    return CheckResult("limit_wrong_side", waits, order.limit_price, case.mark.price, detail)
