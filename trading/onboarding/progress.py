"""How far a link has come, as the page asks for it; nothing here is secret to whoever holds the link's cookie."""

from typing import Any

from trading.delegate_endings import CHAIN_ID
from trading.errors import LinkUnusable
from trading.models import ConnectLink, Delegate
from trading.services import onboarding

Status = Delegate.Status
STEPS = {
    Status.REQUESTED: "preparing",
    Status.PREPARED: "sign",
    Status.SIGNED: "registering",
    Status.ACTIVE: "allow",
}


def progress(link: ConnectLink, *, is_ours: bool) -> dict[str, Any]:
    """The step, and what the step needs. `is_ours`: this browser has used the link."""
    told: dict[str, Any] = {
        "person": onboarding.person(link.trader),
        "chain_id": CHAIN_ID,
        "days": list(onboarding.DAYS),
        "link_expires_at": link.expires_at.isoformat(),
    }
    if link.delegate is not None and is_ours:
        return {**told, **_of_delegate(link.delegate)}
    try:
        onboarding.require_usable(link)
    except LinkUnusable as error:
        return {**told, "step": "over", "problem": error.reason}
    return {**told, "step": "wallet"}


def _of_delegate(delegate: Delegate) -> dict[str, Any]:
    if not delegate.is_open:
        return {"step": "over", "problem": delegate.reason, "wallet": delegate.wallet_address}
    told: dict[str, Any] = {
        "step": STEPS[Status(delegate.status)],
        "wallet": delegate.wallet_address,
        "delegate": delegate.address,
        "expires_at": delegate.expires_at.isoformat() if delegate.expires_at else None,
        "contracts": delegate.request.get("contracts"),
    }
    if delegate.status == Status.PREPARED:
        told |= {"request": delegate.request["typed_data"], "deadline": delegate.request["deadline"]}
    if delegate.status == Status.ACTIVE and delegate.funds_read_at is not None:
        told |= {"balance_usd": str(delegate.balance_usd), "allowance_usd": str(delegate.allowance_usd)}
        told["step"] = "done" if delegate.allowance_usd else "allow"
    return told
