"""HTTP as the checks ask it: bounded, without retries, and whatever the answer is, it is one."""

from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

TIMEOUT_S = 3
Failed = (httpx.HTTPError, httpx.InvalidURL)


def ask(url: str, *, headers: dict[str, str] | None = None, body: str | None = None) -> httpx.Response:
    """GET, or POST where there is a body. Raises one of `Failed`."""
    with httpx.Client(timeout=TIMEOUT_S) as client:
        if body is None:
            return client.get(url, headers=headers)
        return client.post(url, headers={"Content-Type": "application/json", **(headers or {})}, content=body)


def server_of(url: str) -> str:
    """The address without its path, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def date_of(answer: httpx.Response) -> float | None:
    """The server's clock when it answered, in seconds since the epoch, to the second; None where it does not say."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return None
