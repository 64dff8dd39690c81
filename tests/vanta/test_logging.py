"""What a log line looks like, and what never gets into one."""

import json
import logging
import logging.config
import secrets
from io import StringIO
from typing import Any

import pytest
import structlog

from vanta import tracing
from vanta.logging import REDACTED, logging_config, redact


def rendered(name: str, value: object) -> object:
    return redact(structlog.get_logger(), "info", {"event": "x", name: value})[name]


@pytest.mark.parametrize("name", ["secret", "webhook_secret", "token", "bot_token", "api_key", "apikey", "private_key"])
def test_a_value_under_a_secret_sounding_name_is_redacted(name: str) -> None:
    assert rendered(name, "anything") == REDACTED


def test_secrets_inside_other_text_are_redacted() -> None:
    token, key = f"{10**8}:{secrets.token_urlsafe(26)}", secrets.token_hex(32)
    for secret in (token, key):
        text = rendered("error", f"POST https://api.telegram.org/bot{token}/sendMessage failed, key 0x{key}")
        assert secret not in str(text)
    assert "hunter2hunter2" not in str(rendered("url", "postgres://vanta:hunter2hunter2@127.0.0.1:5432/vanta"))


def test_ordinary_text_stays_as_it_is() -> None:
    assert rendered("path", "/telegram/webhook/") == "/telegram/webhook/"
    assert rendered("reason", "the price moved further than you allowed") == "the price moved further than you allowed"


def test_a_line_of_anybody_is_json_with_the_trace_id() -> None:
    lines = logged(lambda: logging.getLogger("somebody.else").info("hello %s", "there"))
    assert lines[0]["event"] == "hello there"
    assert lines[0]["trace_id"] == "0123456789abcdef"
    assert {"timestamp", "level", "logger"} <= lines[0].keys()


def test_an_exception_is_part_of_its_json_line_with_secrets_taken_out() -> None:
    token = f"{10**8}:{secrets.token_urlsafe(26)}"

    def fail() -> None:
        try:
            raise ValueError(f"bad token {token}")
        except ValueError:
            logging.getLogger("somebody.else").exception("broken")

    line = logged(fail)[0]
    assert "ValueError" in line["exception"]
    assert token not in json.dumps(line)


def logged(write: Any) -> list[dict[str, Any]]:
    """The lines that `write` logs under a bound trace id, through the real formatter."""
    config = logging_config(json=True, level="INFO")
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    formatter = config["formatters"]["vanta"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=formatter["processors"], foreign_pre_chain=formatter["foreign_pre_chain"]
        )
    )
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)
    try:
        with tracing.bind_trace("0123456789abcdef"):
            write()
    finally:
        logger.removeHandler(handler)
    return [json.loads(line) for line in stream.getvalue().splitlines()]
