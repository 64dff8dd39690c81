"""The signing worker as a process: killed while it registers a delegate it goes on; nothing is registered twice."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.factories import make_trader
from tests.stack import Stack
from tests.trading.wallets import Wallet, prove
from tests.waiting import wait_until
from trading.models import Delegate, DelegateRelay
from trading.services import onboarding

pytestmark = [pytest.mark.crash, pytest.mark.processes, pytest.mark.django_db(transaction=True)]
WORKER = "worker-signing"


@pytest.fixture
def stack(transactional_db: None, tmp_path: Path) -> Iterator[Stack]:
    with Stack("sandbox", WORKER, "dispatcher", log_dir=tmp_path) as running:
        yield running


def status_becomes(delegate: Delegate, status: str) -> Delegate:
    def read() -> bool:
        delegate.refresh_from_db()
        return delegate.status == status

    wait_until(read, 30, f"the delegate is {status}")
    return delegate


def blitz(stack: Stack, kind: str, **details: object) -> None:
    fault = {"service": "blitz", "kind": kind, **details}
    httpx.post(f"{stack.sandbox_url}/control/faults", json=fault, trust_env=False).raise_for_status()


@pytest.mark.parametrize(
    "fault",
    [
        ("hang", {"seconds": 3, "when": "after"}),
        pytest.param(("hang", {"seconds": 3}), marks=pytest.mark.rare),
        pytest.param(("drop", {"when": "after"}), marks=pytest.mark.rare),
    ],
)
def test_a_worker_that_is_killed_while_it_submits_goes_on_with_the_same_bytes(
    stack: Stack, fault: tuple[str, dict[str, object]]
) -> None:
    wallet = Wallet()
    delegate = status_becomes(prove(make_trader(), wallet), "prepared")
    blitz(stack, fault[0], count=1, **fault[1])
    onboarding.accept_signature(delegate.pk, wallet.signs_request(delegate.request["typed_data"]))
    begun = DelegateRelay.objects.filter(delegate=delegate, attempts=1)
    wait_until(begun.exists, 30, "the first submission has begun")
    bytes_before = begun.get().tx_params

    stack.kill(WORKER)
    Delegate.objects.filter(pk=delegate.pk).update(next_check_at=delegate.created_at)  # its lease would end by itself
    stack.start(WORKER)

    status_becomes(delegate, "active")
    assert DelegateRelay.objects.get(delegate=delegate).tx_params == bytes_before
    journal = httpx.get(f"{stack.sandbox_url}/control/venue/journal", trust_env=False).json()
    assert [effect["kind"] for effect in journal["effects"]] == ["delegate_set"]
