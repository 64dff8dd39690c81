"""From the terms of an order to the message that is signed, and the proof that the two say the same.

The message is built by the SDK. It is never trusted: every field, the domain, the types, the encoded bytes and the
digest are held against what the order says, written down here a second time. Nothing is signed on any difference.
"""

from dataclasses import dataclass
from decimal import Decimal

from eth_account import Account
from veranta_sdk.execution.local_intents import LocalIntentBuilder
from veranta_sdk.signing import LocalSigner, sign_intent
from veranta_sdk.types import IntentPayload

from trading.errors import TradingError
from trading.venues.avantis import structs
from trading.venues.avantis.terms import MARKET, MARKET_UPSIDE, IncreaseTerms, OpenTerms, StopTerms, Terms, message_of

USDC = 10**6
TICKS = 10**10  # of prices, leverage and percentages on the wire


class MessageDiffers(TradingError):
    """The message that was built is not what the order says: nothing was signed."""

    code = "message_differs"

    def __init__(self, differences: list[str]) -> None:
        super().__init__(fields=",".join(differences))
        self.differences = differences


class NotExact(TradingError):
    """An amount is no whole number of the venue's units."""

    code = "amount_not_exact"


class WrongKey(TradingError):
    """The key that signed is not the delegate's."""

    code = "wrong_key"


@dataclass(frozen=True, slots=True)
class Domain:
    """Which contract on which chain a message is for."""

    chain_id: int
    trading_router: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What is sent to the venue, and what was signed."""

    encoded: str
    signature: str
    digest: str


def units(amount: Decimal, per_unit: int) -> int:
    """An amount in the wire's integers. Raises NotExact instead of rounding."""
    scaled = amount * per_unit
    whole = int(scaled)
    if whole != scaled or whole < 0:
        raise NotExact(amount=amount)
    return whole


def sign(terms: Terms, domain: Domain, private_key: bytes, signer: str) -> Signed:
    """Build, compare and sign. Raises MessageDiffers or WrongKey."""
    payload = build(terms, domain)
    found = differences(terms, domain, payload)
    if found:
        raise MessageDiffers(found)
    signed = sign_intent(payload, LocalSigner(private_key))
    recovered = Account._recover_hash(bytes.fromhex(payload.digest[2:]), signature=signed.signature)
    if not signed.signer == recovered == signer:
        raise WrongKey(signer=signer)
    return Signed(encoded=payload.encoded_intent, signature=signed.signature, digest=payload.digest)


def build(terms: Terms, domain: Domain) -> IntentPayload:
    """The SDK's message for these terms."""
    builder = LocalIntentBuilder(domain.chain_id, domain.trading_router)
    if isinstance(terms, OpenTerms):
        return builder.open_trade(
            trader=terms.trader,
            pair_index=terms.pair_index,
            is_long=terms.is_long,
            collateral_usdc=Decimal(terms.collateral) / USDC,
            leverage=Decimal(terms.leverage) / TICKS,
            open_price=Decimal(terms.price) / TICKS,
            order_type=MARKET_UPSIDE if terms.is_upside else MARKET,
            tp=Decimal(terms.take_profit) / TICKS,
            sl=Decimal(terms.stop_loss) / TICKS,
            slippage_percent=Decimal(terms.slippage_percent) / TICKS,
            nonce=terms.nonce,
            deadline_ms=terms.deadline_ms,
        )
    if isinstance(terms, StopTerms):
        return builder.update_tp_sl(
            trader=terms.trader,
            pair_index=terms.pair_index,
            index=terms.index,
            tp=Decimal(terms.take_profit) / TICKS,
            sl=Decimal(terms.stop_loss) / TICKS,
            nonce=terms.nonce,
            deadline_ms=terms.deadline_ms,
        )
    if isinstance(terms, IncreaseTerms):
        return builder.increase_position(
            trader=terms.trader,
            pair_index=terms.pair_index,
            index=terms.index,
            additional_collateral_usdc=Decimal(terms.collateral) / USDC,
            leverage=Decimal(terms.leverage) / TICKS,
            open_price=Decimal(terms.price) / TICKS,
            slippage_percent=Decimal(terms.slippage_percent) / TICKS,
            nonce=terms.nonce,
            deadline_ms=terms.deadline_ms,
        )
    return builder.close_trade(
        trader=terms.trader,
        pair_index=terms.pair_index,
        index=terms.index,
        open_timestamp=terms.opened_at_s,
        amount_usdc=Decimal(terms.collateral) / USDC,
        wanted_price=Decimal(terms.price) / TICKS,
        nonce=terms.nonce,
        deadline_ms=terms.deadline_ms,
    )


def differences(terms: Terms, domain: Domain, payload: IntentPayload) -> list[str]:
    """Names of all that is not as the order says; empty where the message may be signed. Pure."""
    kind, wanted = message_of(terms)
    expected = structs.domain(domain.chain_id, domain.trading_router)
    found = [f"message.{name}" for name in structs.unlike(kind, wanted, payload.message)]
    found += [] if payload.primary_type == kind else ["primary_type"]
    found += [] if payload.domain == expected else ["domain"]
    found += [] if payload.types == structs.types_of(kind) else ["types"]
    found += [] if payload.digest.lower() == structs.digest_of(kind, wanted, expected) else ["digest"]
    return [*found, *_unlike_encoded(kind, wanted, payload.encoded_intent)]


def _unlike_encoded(kind: str, wanted: structs.Message, encoded: str) -> list[str]:
    try:
        return [f"encoded.{name}" for name in structs.unlike(kind, wanted, structs.decoded(kind, encoded))]
    except ValueError:
        return ["encoded"]
