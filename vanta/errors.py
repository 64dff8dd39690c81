"""The root of Vanta's errors: each carries a stable code, the ids it is about, and whether trying again can help."""


class VantaError(Exception):
    """Base of every error that Vanta raises on purpose.

    `code` is stable (tests, metrics and messages rely on it); `retryable` says whether the same call may succeed later;
    keyword arguments are the ids that a log line needs, never secrets.
    """

    code = "error"
    retryable = False

    def __init__(self, message: str = "", **ids: object) -> None:
        self.ids = ids
        details = ", ".join(f"{name}={value}" for name, value in ids.items())
        super().__init__(": ".join(part for part in (message or self.code, details) if part))
