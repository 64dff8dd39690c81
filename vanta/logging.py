"""Logs: structlog for ours, the same format for everybody else's, secrets taken out last."""

import logging
import logging.config
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_NAMES = re.compile(r"(secret|token|password|private|signature|api_?key|authorization|hmac)", re.IGNORECASE)
# A bot token in a URL, a 32-byte key in hexadecimal, credentials in a connection string.
SECRET_VALUES = re.compile(
    r"bot\d+:[\w-]{20,}|\b\d{6,}:[\w-]{30,}|\b(?:0x)?[0-9a-fA-F]{64}\b|(?<=://)[^/@\s]*:[^/@\s]+(?=@)"
)
REDACTED = "[redacted]"


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace values under secret-sounding names, and secret-looking text anywhere."""
    for name, value in event.items():
        if SECRET_NAMES.search(name) and name != "event":
            event[name] = REDACTED
        elif isinstance(value, str) and len(value) > 20:
            event[name] = SECRET_VALUES.sub(REDACTED, value)
    return event


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
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=32)
    )
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        final.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "vanta": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [*final, redact, renderer],
                "foreign_pre_chain": _shared_processors(),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "vanta", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
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
