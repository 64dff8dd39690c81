"""What can go wrong in trading; wording for people lives in `trading/telegram/`."""

from vanta.errors import VantaError


class TradingError(VantaError):
    """Base of trading's errors."""

    code = "trading_error"


class IllegalTransition(TradingError):
    """An order cannot go from this state to that one."""

    code = "illegal_transition"


class OrderNotFound(TradingError):
    """There is no such order, or it is not this trader's; the two are not told apart."""

    code = "order_not_found"


class DraftGone(TradingError):
    """The draft was already confirmed, canceled or has expired; `state` says which."""

    code = "draft_gone"

    def __init__(self, state: str, order_id: int) -> None:
        super().__init__(state=state, order_id=order_id)
        self.state = state
        self.order_id = order_id


class LiveNotConfirmed(TradingError):
    """A yes to an opening with real money needs a second, different one."""

    code = "live_not_confirmed"

    def __init__(self, order_id: int) -> None:
        super().__init__(order_id=order_id)
        self.order_id = order_id


class PricesUnreachable(TradingError):
    """The market of a preview has no quotes any more: Redis is away or was emptied. A confirmation waits for it."""

    code = "prices_unreachable"
    retryable = True


class LimitsUnreachable(PricesUnreachable):
    """Redis went away between the price and the rate limits: a confirmation waits just so."""

    code = "limits_unreachable"


class NoOpenPosition(TradingError):
    """There is no open position to close in this market."""

    code = "no_open_position"


class PositionChanged(TradingError):
    """The position has had other closings since the card that was tapped was shown."""

    code = "position_changed"


class StopsUnchanged(TradingError):
    """The position has these stops already, or an order that sets them is on its way."""

    code = "stops_unchanged"

    def __init__(self, position_id: int, *, is_on_its_way: bool) -> None:
        super().__init__(position_id=position_id)
        self.is_on_its_way = is_on_its_way


class WouldLoosen(TradingError):
    """Only a super admin makes limits looser; `names` are those that would be."""

    code = "would_loosen"

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names=",".join(names))
        self.names = names


class NothingTightened(TradingError):
    """The limits bind as tightly already."""

    code = "nothing_tightened"


class PanicOver(TradingError):
    """The trader has resumed since: what a button of that stop says is not meant any more."""

    code = "panic_over"


class KeyUnavailable(TradingError):
    """A delegate's key cannot be read here: not the signing worker, the wrong key-encryption key, a changed blob."""

    code = "key_unavailable"


class FillNotBooked(TradingError):
    """A fill on paper could not be booked, and is undone: the order goes on waiting."""

    code = "fill_not_booked"


class EndRefused(TradingError):
    """An order cannot be ended by hand, or not like this; `reason` says why, in one word."""

    code = "end_refused"

    def __init__(self, reason: str, *, order_id: int) -> None:
        super().__init__(reason=reason, order_id=order_id)
        self.reason = reason


class LinkUnusable(TradingError):
    """A link that connects a wallet cannot be used; `reason` is unknown, expired or used."""

    code = "link_unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class WalletRefused(TradingError):
    """What a wallet sent proves nothing, or the wallet cannot be connected; `reason` says why, in one word."""

    code = "wallet_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason
