"""What the contracts reckon with: the pair, the price of a fill, fees, the venue's share of an Upside gain."""

from __future__ import annotations

from decimal import Decimal

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.veranta.positions import PRICE_RAW, USDC_RAW, OpenPosition
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.veranta.risk import spread_p
from vanta.sandbox.world import World

HUNDRED = Decimal(100)


def pair_of(world: World, index: int) -> PairSpec:
    """The listed pair; raises Reverted."""
    spec = world.listing.by_index.get(index)
    if spec is None:
        raise Reverted("PairNotListed")
    return spec


def mark_price(world: World, spec: PairSpec) -> int:
    """The model's price, raw, without the faults of the services that tell it."""
    return int(Decimal(repr(world.market.tick(spec.price_symbol).price)) * PRICE_RAW)


def moved(spec: PairSpec, mark: int, *, is_buying: bool, notional: int) -> int:
    """A price moved against the trader by the spread."""
    share = spread_p(spec, Decimal(notional) / USDC_RAW) / HUNDRED
    return int(mark * (1 + share if is_buying else 1 - share))


def fill_price(world: World, spec: PairSpec, *, is_buying: bool, notional: int) -> int:
    """What an order is filled at now; raises Canceled outside the market's hours."""
    if spec.price_symbol in world.closed_markets:
        raise Canceled("MarketClosed")
    mark = int(Decimal(repr(world.quote("feed", spec).price)) * PRICE_RAW)
    return moved(spec, mark, is_buying=is_buying, notional=notional)


def check_slippage(wanted: int, got: int, slippage_p_raw: int, *, is_buying: bool) -> None:
    """Raises Canceled where a price is worse than the wanted one by more than the slippage."""
    worst = wanted * slippage_p_raw // (100 * PRICE_RAW)
    if wanted and ((is_buying and got > wanted + worst) or (not is_buying and got < wanted - worst)):
        raise Canceled("HighSlippage")


def open_fee(spec: PairSpec, notional: int) -> int:
    return 0 if spec.is_upside else int(notional * Decimal(str(spec.group_facts.open_fee_p)) / HUNDRED)


def close_fee(spec: PairSpec, notional: int) -> int:
    return 0 if spec.is_upside else int(notional * Decimal(str(spec.group_facts.close_fee_p)) / HUNDRED)


def gain_share(spec: PairSpec, profit: int, collateral: int) -> int:
    """The venue's share of an Upside gain: the highest tier that the gain reaches."""
    if not spec.is_upside or profit <= 0 or collateral == 0:
        return 0
    gain_p = Decimal(profit) * 100 / collateral
    tiers = spec.group_facts.tiers
    reached = [share for gain, share in tiers if gain_p >= Decimal(str(gain))]
    return int(profit * Decimal(str(reached[-1] if reached else tiers[0][1])) / HUNDRED)


def check_leverage(spec: PairSpec, leverage: int) -> None:
    """Raises Reverted outside the pair's envelope."""
    low, high = spec.upside_envelope if spec.is_upside else (1, spec.max_leverage)
    if not low * PRICE_RAW <= leverage <= high * PRICE_RAW:
        raise Reverted("LeverageIncorrect")


def corrected_take_profit(spec: PairSpec, position: OpenPosition, wanted: int) -> int:
    """The price of a take-profit as it is stored: none, or one beyond the largest gain, becomes that gain's."""
    largest = position.price_after(int(Decimal(str(spec.group_facts.max_gain_p)) * PRICE_RAW))
    if not wanted:
        return largest
    return min(wanted, largest) if position.is_long else max(wanted, largest)


def check_triggers(position: OpenPosition, take_profit: int, stop_loss: int, price: int) -> None:
    """Raises Reverted where a take-profit or a stop lies on the wrong side of `price`."""
    is_long = position.is_long
    if take_profit and (take_profit <= price if is_long else take_profit >= price):
        raise Reverted("WrongTp")
    if stop_loss and (stop_loss >= price if is_long else stop_loss <= price):
        raise Reverted("WrongSl")
