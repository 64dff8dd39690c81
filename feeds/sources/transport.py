"""JSON over HTTP for the SDKs of the sources: numbers stay exact, nothing is retried, connections are kept.

aiohttp costs a twentieth of httpx's processor time per request here: with a hundred markets a second it decides.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from feeds.sources.base import SourceError
from feeds.sources.http import parse_json, retry_after_s

JSON_BODY = {"Content-Type": "application/json"}


class ExactTransport:
    """What an SDK's client needs of a transport. For one event loop.

    `default_pause_s` is how long a rate limit that names no pause is taken to ask for.
    """

    def __init__(self, *, connections: int, timeout_s: float, default_pause_s: int) -> None:
        self._connections = connections
        self._timeout_s = timeout_s
        self._default_pause_s = default_pause_s
        self._session: aiohttp.ClientSession | None = None

    async def json(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """The answer's JSON, asked for with `body` where there is one. Raises SourceError."""
        if self._session is None:  # made here: a session belongs to the loop that it is made in
            connector = aiohttp.TCPConnector(limit=self._connections)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=True)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s if timeout_s is None else timeout_s)
        headers = JSON_BODY if body is not None else None
        try:
            request = self._session.request(
                method, url, params=params, data=body, headers=headers, timeout=timeout, allow_redirects=False
            )
            async with request as response:
                status, pause, answer = response.status, response.headers.get("Retry-After"), await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SourceError(type(error).__name__) from error
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise SourceError("rate limited", retry_after_s=retry_after_s(pause, default_s=self._default_pause_s))
        if status != HTTPStatus.OK:
            raise SourceError(f"HTTP {status}")
        try:
            return parse_json(answer)
        except ValueError as error:
            raise SourceError("not JSON") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
