"""The chain is asked by a worker through web3; the web process only reads what that found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.stack import Stack
from vanta import blockchain, redis
from vanta.embedded.host import free_port
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
    assert 0 <= head.age_s < 5


def test_a_chain_that_does_not_answer_leaves_the_last_block_to_grow_old(settings: Settings) -> None:
    kept = blockchain.record_head(7)
    settings.BASE_RPC_URL = f"http://127.0.0.1:{free_port()}"

    observe_chain()

    assert blockchain.last_head() == kept


def test_a_chain_that_never_answered_has_no_head() -> None:
    redis.client().delete(blockchain.KEY)

    assert blockchain.last_head() is None


def test_the_web_process_does_not_pay_for_web3() -> None:
    script = "import django, sys; django.setup(); import vanta.urls; sys.exit('web3' in sys.modules)"

    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vanta.settings"}
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0
