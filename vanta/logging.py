"""Logs: structlog for ours, the same format for everybody else's, secrets taken out last."""

import logging
import logging.config
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_NAMES = re.compile(
    r"(secret|token|password|private|signature|api_?key|encryption|authorization|hmac)", re.IGNORECASE
)
# A bot token in a URL, 32 bytes in hexadecimal or base64, credentials in a connection string, a link's token.
SECRET_VALUES = re.compile(
    r"bot\d+:[\w-]{20,}|\b\d{6,}:[\w-]{30,}|\b(?:0x)?[0-9a-fA-F]{64}\b"
    r"|(?<![\w+/])[\w+/]{43}=|(?<=/connect/)[\w-]{20,}|(?<=://)[^/@\s]*:[^/@\s]+(?=@)"
)
REDACTED = "[redacted]"
PUBLIC = re.compile(
    r"\d+:[0-9a-f]{64}"
)  # the audit log's head, which is kept in log lines: it proves, and opens nothing
PUBLIC_NAME = "audit_head"


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace values under secret-sounding names, and secret-looking text anywhere, however deep it lies.

    What is neither text, number nor collection becomes text here, so that no renderer finds a secret in it later.
    """
    return {name: _clean(value) if name == "event" else _clean_item(name, value) for name, value in event.items()}


def _clean_item(name: str, value: object) -> object:
    if name == PUBLIC_NAME and PUBLIC.fullmatch(str(value)):
        return value
    return REDACTED if SECRET_NAMES.search(name) else _clean(value)


def _clean(value: object) -> object:
    """`value` without secrets; the caller's own collections stay as they are."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean_item(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return REDACTED
    return SECRET_VALUES.sub(REDACTED, str(value))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def logging_config(*, json: bool, level: str) -> dict[str, Any]:
    """The `logging` configuration: one handler to stderr, JSON lines or coloured text."""
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=32, exception_formatter=structlog.dev.plain_traceback
        )
    )
    final: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # a traceback is text before secrets are taken out
        redact,
        renderer,
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "vanta": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": final,
                "foreign_pre_chain": _shared_processors(),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "vanta", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "telegram": {"level": "WARNING"},
            "web3": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.redirected": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "redbeat": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set up logging for this process; called by Django, and by Celery through its `setup_logging` signal."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
