"""The one screen that `make run` prints when Vanta is ready."""

from collections.abc import Iterable, Mapping
from typing import Any


def ready_screen(environment: Mapping[str, str], *, demo: Mapping[str, Any], processes: Iterable[str], pid: int) -> str:
    """What runs, where to click, how to log in, how to stop; the last line is for people and scripts alike."""
    home = f"http://127.0.0.1:{environment['PORT']}/"
    places = {
        "Home": home,
        "Chat (sandbox)": environment.get("SANDBOX_URL", "") and environment["SANDBOX_URL"] + "/",
        "Admin": home + "admin/",
        "Flower": environment.get("FLOWER_URL", ""),
        "Health": home + "readyz",
        "Metrics": home + "metrics",
    }
    log_ins = {
        "Admin": " / ".join(str(demo[name]) for name in ("username", "password") if name in demo),
        "Admin's code": f".venv/bin/python manage.py totp_code {demo['username']}" if demo else "",
        "Flower": environment.get("FLOWER_BASIC_AUTH", "").replace(":", " / ", 1),
    }
    lines = [
        "",
        "Vanta runs: " + ", ".join(processes),
        "",
        *_table("Open", places),
        *_table("Log in", log_ins),
        f"Stop: Ctrl-C, or `kill {pid}`; running tasks may take 20 s to end. The data are kept.",
        "",
        f"Vanta is ready: {home}",
    ]
    return "\n".join(lines)


def _table(title: str, rows: Mapping[str, str]) -> list[str]:
    shown = [f"  {name:<16} {value}" for name, value in rows.items() if value]
    return [title, *shown, ""] if shown else []
