"""A run's environment: what a person set wins, the sandbox and generated secrets fill the rest."""

import io
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from vanta.devservices import DevServices
from vanta.embedded.host import ServiceFailed
from vanta.supervision.console import Console, LineBuffer
from vanta.supervision.environment import chosen_by_person, kept_secrets, read_dotenv
from vanta.supervision.plan import Plan
from vanta.supervision.procfile import read_procfile, split_assignments
from vanta.supervision.screen import ready_screen

PROCFILE = """\
# the processes of production
release: python manage.py migrate
web: gunicorn vanta.wsgi --bind 127.0.0.1:$PORT
worker: celery -c ${CONCURRENCY:-2} -n 'a b'
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / "env.example").write_text("PORT=8080\nLOG_LEVEL=INFO\nREDIS_URL=\n")
    (tmp_path / ".vanta").mkdir()
    return tmp_path


def plan(checkout: Path, **chosen: str) -> Plan:
    return Plan(checkout, checkout / ".vanta", chosen)


def environment(plan: Plan) -> dict[str, str]:
    return plan.environment(DevServices(plan.state_dir))


def test_a_procfile_takes_variables_and_their_defaults_from_the_environment() -> None:
    assert read_procfile(PROCFILE, {"PORT": "81"})["web"][-1] == "127.0.0.1:81"
    assert read_procfile(PROCFILE, {})["worker"] == ["celery", "-c", "2", "-n", "a b"]
    assert read_procfile(PROCFILE, {"CONCURRENCY": "8"})["worker"][2] == "8"


def test_blank_and_unchanged_lines_of_a_copied_example_choose_nothing() -> None:
    example = {"PORT": "8080", "LOG_LEVEL": "INFO"}
    dotenv = {"PORT": "8080", "LOG_LEVEL": "DEBUG", "REDIS_URL": ""}

    assert chosen_by_person({"PORT": "8080", "HOME": "/home"}, dotenv, example) == {
        "LOG_LEVEL": "DEBUG",
        "HOME": "/home",
    }


def test_the_environment_wins_over_dotenv() -> None:
    assert chosen_by_person({"A": "shell"}, {"A": "file", "B": "file"}, {}) == {"A": "shell", "B": "file"}


def test_everything_outside_is_at_the_sandbox_unless_a_person_named_another_address(checkout: Path) -> None:
    made = environment(plan(checkout, COINGECKO_BASE_URL="https://example.org/api"))

    assert made["TELEGRAM_API_BASE_URL"] == made["SANDBOX_URL"] + "/telegram/bot"
    assert made["BASE_RPC_URL"] == made["SANDBOX_URL"] + "/rpc"
    assert made["COINGECKO_BASE_URL"] == "https://example.org/api"


def test_other_terminals_find_what_was_filled_in_and_nobody_else_can_read_it(checkout: Path) -> None:
    made = environment(plan(checkout))
    written = read_dotenv(checkout / ".vanta/run.env")

    assert {"SECRET_KEY", "TELEGRAM_BOT_TOKEN", "SANDBOX_URL", "PORT"} <= written.keys()
    assert written.items() <= made.items()
    assert stat.S_IMODE((checkout / ".vanta/run.env").stat().st_mode) == 0o600


def test_secrets_are_made_once_and_differ_between_installations(tmp_path: Path) -> None:
    first = kept_secrets(tmp_path / "one")

    assert kept_secrets(tmp_path / "one") == first
    assert not set(kept_secrets(tmp_path / "two").values()) & set(first.values())
    assert all(len(value) >= 16 for value in first.values())
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600


def test_a_usual_port_that_is_taken_is_replaced_but_one_that_was_asked_for_is_not(checkout: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceFailed, match=f"PORT={port} is taken"):
            environment(plan(checkout, PORT=str(port)))


def test_development_runs_the_procfile_without_its_release_and_with_the_sandbox(checkout: Path) -> None:
    development = plan(checkout)
    programs = {program.name: program for program in development.programs(environment(development))}

    assert list(programs) == ["sandbox", "web", "worker"]
    sandbox = programs["sandbox"]
    assert sandbox.argv[sandbox.argv.index("--port") + 1] == sandbox.environment["SANDBOX_URL"].rpartition(":")[2]
    assert sandbox.argv[sandbox.argv.index("--state") + 1] == str(development.state_dir / "sandbox.json")


def test_only_the_sandbox_and_flower_may_be_given_up(checkout: Path) -> None:
    (checkout / "Procfile").write_text(PROCFILE + "beat: celery beat\nflower: celery flower\n")
    development = plan(checkout)
    programs = development.programs(environment(development))

    assert {program.name for program in programs if program.expendable} == {"sandbox", "flower"}


def test_production_starts_no_sandbox_no_embedded_server_and_invents_no_secret(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "SANDBOX_URL", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    production = plan(checkout, ENVIRONMENT="production")
    with production.services() as services:
        made = production.environment(services)

        assert services.servers == []
    assert [program.name for program in production.programs(made)] == ["web", "worker"]
    assert not {"SECRET_KEY", "SANDBOX_URL", "DATABASE_URL", "REDIS_URL"} & made.keys()


def test_the_last_line_of_the_screen_is_where_to_click() -> None:
    made = {"PORT": "8080", "SANDBOX_URL": "http://127.0.0.1:8090", "FLOWER_BASIC_AUTH": "operator:pass:word"}
    screen = ready_screen(made, demo={"username": "demo", "password": "secret"}, processes=["web"], pid=42)

    assert screen.splitlines()[-1] == "Vanta is ready: http://127.0.0.1:8080/"
    assert len(screen.splitlines()) <= 24
    for shown in ("http://127.0.0.1:8090/", "demo / secret", "operator / pass:word", "kill 42"):
        assert shown in screen


def test_output_that_comes_in_pieces_is_cut_into_lines() -> None:
    lines = LineBuffer()

    assert lines.feed("a\r\nüb".encode()[:5]) == ["a"]
    assert lines.feed("üb".encode()[2:] + b"er\n\xff\n") == ["über", "\ufffd"]
    assert lines.feed(b"x" * (LineBuffer.LONGEST + 1)) == ["x" * (LineBuffer.LONGEST + 1)]
    assert lines.flush() == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, coloured = io.StringIO(), Terminal()
    for stream in (plain, coloured):
        Console(stream, width=6).line("web", "hello")

    assert plain.getvalue() == "web    | hello\n"
    assert coloured.getvalue().startswith("\x1b[")


SIGNER = "signer: VANTA_ROLE=signing celery -Q signing\n"


def test_a_command_line_assigns_in_front_of_its_program_as_in_a_shell() -> None:
    assert split_assignments(["A=1", "B_2=x=y", "celery", "C=3"]) == ({"A": "1", "B_2": "x=y"}, ["celery", "C=3"])
    assert split_assignments(["celery"]) == ({}, ["celery"])


@pytest.mark.parametrize("chosen", [{}, {"KEY_ENCRYPTION_KEYS": "mine:x"}, {"ENVIRONMENT": "production"}])
def test_only_the_signing_process_is_given_the_keys_that_encrypt_keys(
    checkout: Path, chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VANTA_ROLE", "signing")  # of whoever starts the supervisor
    monkeypatch.setenv("KEY_ENCRYPTION_KEYS_FILE", "/run/secrets/keys")
    (checkout / "Procfile").write_text(PROCFILE + SIGNER)
    made = plan(checkout, **chosen)
    environment_of_all = environment(made)
    programs = [*made.programs(environment_of_all), made.program("prepare", ["python"], environment_of_all)]

    kept = {"VANTA_ROLE", "KEY_ENCRYPTION_KEYS", "KEY_ENCRYPTION_KEYS_FILE"}
    held = {program.name: kept & program.environment.keys() for program in programs}
    assert held.pop("signer") >= {"VANTA_ROLE", "KEY_ENCRYPTION_KEYS_FILE"}
    assert set().union(*held.values()) == set()


def test_development_makes_its_own_and_keeps_them_out_of_what_other_terminals_read(checkout: Path) -> None:
    made = environment(plan(checkout))
    state = checkout / ".vanta"

    assert read_dotenv(state / "secrets.env")["KEY_ENCRYPTION_KEYS"] == made["KEY_ENCRYPTION_KEYS"]
    assert stat.S_IMODE((state / "secrets.env").stat().st_mode) == 0o600
    assert "KEY_ENCRYPTION_KEYS" not in read_dotenv(state / "run.env")
