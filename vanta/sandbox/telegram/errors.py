"""What the Bot API answers when it refuses: a code, a description in its words, sometimes parameters."""

from __future__ import annotations

from typing import Any


class BotApiError(Exception):
    """An answer with ok=false."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return {**told, "parameters": self.parameters} if self.parameters else told


class BadRequest(BotApiError):
    """400: the request cannot be carried out as it is."""

    def __init__(self, description: str) -> None:
        super().__init__(400, f"Bad Request: {description}")


class Forbidden(BotApiError):
    """403: the person does not want to hear from the bot."""

    def __init__(self, description: str) -> None:
        super().__init__(403, f"Forbidden: {description}")


class TooManyRequests(BotApiError):
    """429 with the seconds to wait."""

    def __init__(self, retry_after_s: int) -> None:
        description = f"Too Many Requests: retry after {retry_after_s}"
        super().__init__(429, description, {"retry_after": retry_after_s})
