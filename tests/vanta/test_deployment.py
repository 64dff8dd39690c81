"""What `deploy/` starts is what the Procfile says; a program gets no secret that it does not need, no file has one."""

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from tests.vanta.test_settings import load
from vanta import heartbeat
from vanta.preconditions import SIGNING_ONLY
from vanta.supervision.procfile import read_procfile, split_assignments

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"
PROCFILE = (CHECKOUT / "Procfile").read_text()
PROGRAMS = list(read_procfile(PROCFILE, {}))
SIGNING = "worker-signing"
SECRET = re.compile(r"(SECRET|TOKEN|PASSWORD|KEYS?|AUTH|DATABASE_URL|REDIS_URL|BROKER_URL)(_FILE)?$")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    return found


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "systemd" / name)
    return parser


def run_program(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, str]]:
    """What the runner becomes: its arguments and its environment."""
    spec = importlib.util.spec_from_file_location("run_program", DEPLOY / "run_program.py")
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    became: list[tuple[list[str], dict[str, str]]] = []
    ran: list[list[str]] = []
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setattr(os, "execvpe", lambda _, argv, environment: became.append((argv, environment)))
    monkeypatch.setattr(runner, "subprocess", SimpleNamespace(run=lambda argv, **_: ran.append(argv)))
    runner.main(name)
    argv = [word for step in [*ran, became[0][0]] for word in [*step, "&&"]]
    return argv[:-1], became[0][1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_started_as_the_procfile_says_and_only_the_signing_one_gets_its_keys(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in SIGNING_ONLY:
        monkeypatch.setenv(variable, "first:key")
    monkeypatch.setenv("VANTA_ROLE", "signing")
    monkeypatch.setenv("TRADING_CONCURRENCY", "7")

    argv, environment = run_program(name, monkeypatch)

    expected = read_procfile(PROCFILE, {"TRADING_CONCURRENCY": "7"})[name]
    assert argv == split_assignments(expected)[1]
    assert {*SIGNING_ONLY, "VANTA_ROLE"} & set(environment) == (
        {*SIGNING_ONLY, "VANTA_ROLE"} if name == SIGNING else set()
    )


def test_an_unknown_program_is_refused_with_the_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no program 'wrong', only release, web"):
        run_program("wrong", monkeypatch)


def test_docker_runs_every_program_of_the_procfile() -> None:
    services = compose()["services"]

    assert [name for name in PROGRAMS if services[name]["command"] != [name]] == []
    assert set(services) - set(PROGRAMS) == {"postgres", "redis"}
    assert [name for name in services if name != "release" and "healthcheck" not in services[name]] == []


def test_in_docker_only_the_signing_worker_has_the_keys_and_no_secret_stands_in_the_file() -> None:
    described = compose()
    for name, service in described["services"].items():
        environment = service["environment"] if isinstance(service.get("environment"), dict) else {}
        has_keys = "KEY_ENCRYPTION_KEYS_FILE" in environment or "key_encryption_keys" in service.get("secrets", [])
        assert has_keys == (name == SIGNING), name
        for variable, told in environment.items():
            assert not SECRET.search(variable) or str(told).startswith("/run/secrets/"), variable
        assert {Path(str(told)).name for told in environment.values() if "/run/secrets/" in str(told)} <= set(
            service.get("secrets", [])
        ), name
    assert all(secret == {"file": f"secrets/{name}"} for name, secret in described["secrets"].items())


def test_in_docker_the_servers_are_durable_and_nobody_outside_reaches_them() -> None:
    services, networks = compose()["services"], compose()["networks"]

    assert networks["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["inside"]
        assert "ports" not in services[name]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    redis = services["redis"]["command"][-1]
    assert "appendonly yes" in redis
    assert "maxmemory-policy noeviction" in redis


def test_the_image_runs_as_nobody_special_with_the_locked_requirements_alone() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()

    assert any("--require-hashes" in line and line.endswith("requirements.txt \\") for line in lines)
    assert "requirements-dev" not in "\n".join(lines)
    assert lines.index("USER vanta") < lines.index('ENTRYPOINT ["python", "deploy/run_program.py"]')
    assert not [line for line in lines[lines.index("USER vanta") + 1 :] if line.startswith("USER")]
    assert (CHECKOUT / ".dockerignore").read_text().splitlines()[1] == "*"  # and what is not named stays out


def test_systemd_runs_every_program_and_gives_the_keys_to_one() -> None:
    wanted = re.findall(r"^Wants=vanta@(.+)\.service$", (DEPLOY / "systemd/vanta.target").read_text(), re.MULTILINE)
    service = unit("vanta@.service")["Service"]
    told = {path.parent.name for path in (DEPLOY / "systemd").rglob("*") if path.is_file() and _names_keys(path)}

    assert ["release", *wanted] == PROGRAMS
    assert service["ExecStart"].endswith("deploy/run_program.py %i")
    assert "deploy/run_program.py release" in unit("vanta-release.service")["Service"]["ExecStart"]
    assert told == {f"vanta@{SIGNING}.service.d"}


def _names_keys(path: Path) -> bool:
    return "key_encryption_keys" in path.read_text().lower()


@pytest.mark.parametrize("name", ["vanta@.service", "vanta-release.service", "vanta-backup.service"])
def test_systemd_takes_from_a_program_what_it_does_not_need(name: str) -> None:
    service = unit(name)["Service"]

    assert service["User"] == "vanta"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    for option in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices"):
        assert service[option] == "yes", option


def test_the_proxy_limits_the_webhook_and_keeps_metrics_and_flower_from_the_world() -> None:
    text = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text())
    blocks = dict(re.findall(r"location\s+(?:[=~]\s+)?(\S+)\s*\{([^}]*)\}", text))

    assert text.count("{") == text.count("}")
    assert "return 404;" in blocks["/metrics"]
    assert "deny all;" in blocks["/flower/"]
    assert {"limit_req zone=vanta_webhook", "client_max_body_size 1m", "deny all"} <= {
        part.strip().split(" burst")[0] for part in blocks["/telegram/webhook/"].split(";")
    }
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text


def test_the_secrets_that_are_made_start_production(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make_secrets.sh", tmp_path)
    made = ["sh", str(tmp_path / "make_secrets.sh"), "123456:a-token-of-a-bot"]
    subprocess.run(made, check=True)
    before = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run(made, check=True)
    described = compose()

    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before
    assert set(before) == set(described["secrets"])
    given = {
        name: str(value).replace("/run/secrets", str(tmp_path / "secrets"))
        for name, value in described["services"][SIGNING]["environment"].items()
    } | {"PUBLIC_BASE_URL": "https://vanta.example", "ALLOWED_HOSTS": "vanta.example", "VANTA_ROLE": "signing"}
    started = load(tmp_path, "PRODUCTION", "SIGNS", **given)
    assert started.stdout == '{"PRODUCTION": true, "SIGNS": true}\n', started.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["dispatcher", "streamer"])
def test_a_container_is_healthy_while_its_program_gives_signs_of_life(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="never seen"):
        call_command("alive", name)

    heartbeat.beat(name)
    call_command("alive", name)

    assert capsys.readouterr().out.startswith("seen 0.")
