"""What a log line looks like, and what never gets into one."""

import copy
import json
import logging
import logging.config
import secrets
import warnings
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import httpx
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


def test_the_audit_logs_head_is_shown_and_nothing_else_under_its_name() -> None:
    key = secrets.token_hex(32)
    assert rendered("audit_head", f"12:{key}") == f"12:{key}"
    assert key not in str(rendered("audit_head", f"12:0x{key}"))
    assert key not in str(rendered("audit_head", key))


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


def test_secrets_deep_inside_a_value_are_redacted_and_the_value_itself_is_left_alone() -> None:
    token = f"{10**8}:{secrets.token_urlsafe(26)}"
    update = {"chat": 5, "links": [f"https://api.telegram.org/bot{token}/x"], "headers": {"Authorization": "anything"}}
    before = copy.deepcopy(update)

    shown = rendered("update", update)

    assert shown == {
        "chat": 5,
        "links": [f"https://api.telegram.org/{REDACTED}/x"],
        "headers": {"Authorization": REDACTED},
    }
    assert update == before
    assert token not in str(rendered("errors", (ValueError(token), {token.encode()}, {"a": (token,)})))


@pytest.mark.parametrize("json_lines", [True, False], ids=["json", "text"])
def test_a_traceback_never_shows_the_token_of_the_address_that_was_called(json_lines: bool) -> None:
    token = f"{10**8}:{secrets.token_urlsafe(26)}"

    def fail() -> None:
        try:
            raise httpx.ConnectError(f"no route to https://api.telegram.org/bot{token}/sendMessage")
        except httpx.ConnectError as error:
            logging.getLogger("somebody.else").exception("broken")
            structlog.get_logger("somebody.else").exception("broken_too", error=error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = written(fail, json_lines=json_lines)

    assert text.count("Traceback (most recent call last)") == 2
    assert text.count("ConnectError: no route to") == 2
    assert token not in text


def test_amounts_are_plain_numbers_in_text_form() -> None:
    line = logged(lambda: structlog.get_logger("somebody.else").info("x", price=Decimal("3000.10"), all=[Decimal(1)]))[
        0
    ]

    assert (line["price"], line["all"]) == ("3000.10", ["1"])


def logged(write: Callable[[], None]) -> list[dict[str, Any]]:
    """The JSON lines that `write` logs."""
    return [json.loads(line) for line in written(write, json_lines=True).splitlines()]


def written(write: Callable[[], None], *, json_lines: bool) -> str:
    """What `write` logs under a bound trace id, through the real formatter."""
    config = logging_config(json=json_lines, level="INFO")
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
    return stream.getvalue()
