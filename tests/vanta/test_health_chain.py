"""The chain is asked by a worker through web3; the web process only reads what that found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from health_check.exceptions import ServiceUnavailable
from pytest_django import Settings

from tests.stack import Stack
from trading.models import VenueIdentity
from vanta import blockchain, clock, redis
from vanta.embedded.host import free_port
from vanta.health import views
from vanta.health.surroundings import Blockchain
from vanta.tasks import observe_chain

pytestmark = pytest.mark.django_db


@pytest.mark.processes
def test_the_chains_newest_block_is_kept_with_the_time(tmp_path: Path, settings: Settings) -> None:
    with Stack("sandbox", log_dir=tmp_path) as stack:
        settings.BASE_RPC_URL = f"{stack.sandbox_url}/rpc"
        observe_chain()

    head = blockchain.last_head()
    assert head is not None
    assert head.number > 0
    assert head.chain_id == 8453
    assert 0 <= head.age_s < 10


def test_a_chain_that_does_not_answer_leaves_the_last_block_to_grow_old(settings: Settings) -> None:
    kept = blockchain.record_head(7, block_at_s=0, chain_id=8453)
    settings.BASE_RPC_URL = f"http://127.0.0.1:{free_port()}"

    observe_chain()

    assert blockchain.last_head() == kept


def test_a_chain_that_never_answered_has_no_head() -> None:
    redis.client().delete(blockchain.KEY)

    assert blockchain.last_head() is None


@pytest.mark.parametrize(
    ("age_s", "chain_id", "pinned", "problem"),
    [
        (0, 8453, None, ""),
        (50, 8453, 8453, ""),
        (-30, 8453, 8453, ""),  # the node's clock is ahead
        (62, 8453, 8453, "block 7 is 6. s old"),
        (0, 84532, None, "the node is on chain 84532, the venue on 8453"),
        (0, 8453, 84532, "the node is on chain 8453, the venue on 84532"),
    ],
)
def test_the_check_wants_a_young_block_of_the_venues_chain(
    age_s: int, chain_id: int, pinned: int | None, problem: str, settings: Settings
) -> None:
    if pinned:
        VenueIdentity.objects.create(address=settings.VERANTA_TX_BUILDER_URL, chain_id=pinned, trading_router="0x1")
    blockchain.record_head(7, block_at_s=clock.now_ms() // 1000 - age_s, chain_id=chain_id)

    if not problem:
        assert Blockchain().run().startswith("block 7, ")
        return
    with pytest.raises(ServiceUnavailable, match=problem):
        Blockchain().run()


def test_a_chain_that_stands_or_hangs_degrades_and_fails_nothing(settings: Settings, client: Client) -> None:
    blockchain.record_head(7, block_at_s=clock.now_ms() // 1000 - 120, chain_id=8453)
    views.reporter.forget()

    check = client.get("/readyz").json()["checks"]["blockchain"]

    assert (check["status"], check["critical"]) == ("degraded", False)
    assert "s old" in check["detail"]
    views.reporter.forget()


def test_the_web_process_does_not_pay_for_web3() -> None:
    script = "import django, sys; django.setup(); import vanta.urls; sys.exit('web3' in sys.modules)"

    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vanta.settings"}
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0
