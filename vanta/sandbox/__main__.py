"""`python -m vanta.sandbox`: starts the sandbox on loopback. It refuses any other host, and production."""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeVar

import uvicorn

from vanta.sandbox.app import build
from vanta.sandbox.markets import FEWEST, MOST
from vanta.sandbox.world import Settings, World

SHUTDOWN_S = 3
KEEP_ALIVE_S = 75
STREAM_PERIODS_S = (0.05, 60)
Number = TypeVar("Number", int, float)


class Server(uvicorn.Server):
    """uvicorn, which lets the endless event streams end at a signal instead of cutting them off."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._world.is_stopping = True
        super().handle_exit(sig, frame)


def _within(cast: Callable[[str], Number], low: float, high: float) -> Callable[[str], Number]:
    def number(text: str) -> Number:
        asked = cast(text)
        if not low <= asked <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return asked

    return number


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m vanta.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=7, help="of the market model")
    parser.add_argument("--markets", type=_within(int, FEWEST, MOST), help="prices in all; the catalogue by default")
    period = _within(float, *STREAM_PERIODS_S)
    parser.add_argument(
        "--stream-period", type=period, default=0.2, help="seconds between two frames of the price stream"
    )
    parser.add_argument("--state", type=Path, help="file that keeps the chats across restarts; none by default")
    return parser.parse_args(argv)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        seed=arguments.seed,
        markets=arguments.markets,
        stream_period_s=arguments.stream_period,
        state_file=arguments.state,
        bot_token=os.environ.get("TELEGRAM_BOT_TOKEN", ""),
        webhook_url=os.environ.get("SANDBOX_WEBHOOK_URL", ""),
        webhook_secret=os.environ.get("TELEGRAM_WEBHOOK_SECRET", ""),
    )


def main(argv: list[str] | None = None) -> int:
    """Runs until a signal; 2 where it refuses to start."""
    arguments = _arguments(sys.argv[1:] if argv is None else argv)
    if os.environ.get("ENVIRONMENT", "").lower() == "production":
        sys.stderr.write("sandbox: refused, ENVIRONMENT is production\n")
        return 2
    if not _is_loopback(arguments.host):
        sys.stderr.write(f"sandbox: refused, {arguments.host} is not a loopback address\n")
        return 2
    app = build(_settings(arguments))
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    sys.stderr.write(f"sandbox: http://{arguments.host}:{arguments.port}/ (seed {arguments.seed})\n")
    Server(config, app.world).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
