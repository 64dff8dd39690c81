"""The SDK's client, one a process, on a private event loop that is started at first use (after a fork).

The client holds no key and no identity: messages come here signed. Its configuration is never logged.
"""

import asyncio
import os
import queue
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import structlog
from django.conf import settings
from veranta_sdk import AsyncVeranta
from veranta_sdk.errors import ApiError, VerantaError
from veranta_sdk.execution.batched_market import BatchedMarketEvent
from veranta_sdk.execution.rpc import JsonRpcClient

from feeds.sources.background import BackgroundLoop
from trading.errors import TradingError
from trading.venues.avantis import start_bounds

log = structlog.get_logger(__name__)
Result = TypeVar("Result")
ACCEPT_WITHIN_S = 5.0  # shorter than the lease on an order that is being submitted
ASK_WITHIN_S = 3.0
SDK_TIMEOUT_S = 4.0
CLOSE_WITHIN_S = 2.0


class VenueUnreachable(TradingError):
    """The venue or the chain did not answer, or not in a way that can be read."""

    code = "venue_unreachable"
    retryable = True


class IdentityInEnvironment(TradingError):
    """A VERANTA_* variable names a key or a trader: the SDK would use it for everybody."""

    code = "identity_in_environment"


@dataclass(frozen=True, slots=True)
class Post:
    """One signed intent on its way; `key` is the caller's own name for it. It does not leave after `start_by`."""

    key: str
    order_type: int
    encoded: str = field(repr=False)
    signature: str = field(repr=False)
    start_by: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a POST ended: accepted under a tracking id, refused with a status, or with no word that proves anything."""

    outcome: str
    tracking_id: str = ""
    http_status: int | None = None
    error: str = ""


Tell = Callable[[str, BatchedMarketEvent], None]


class VenueClient:
    """What Vanta asks of the venue. Every call is bounded in time and raises VenueUnreachable or nothing."""

    def __init__(self) -> None:
        self._loop = BackgroundLoop(f"venue-{os.getpid()}")
        self._sdk: AsyncVeranta | None = None
        self._rpc: JsonRpcClient | None = None

    def post_all(self, posts: Sequence[Post], tell: Tell) -> dict[str, Answer]:
        """Send intents, all at once; answers by key. `tell` is called in this thread, and the venue waits for it.

        So what it stores is committed before anything follows from it. Returns when each was accepted, refused or
        given up.
        """
        told: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        answers: dict[str, Answer] = {}
        work = {post.key: self._loop.begin(self._post(post, told, tell, answers)) for post in posts}
        try:
            while len(answers) < len(work):
                told.get(timeout=ACCEPT_WITHIN_S + 1)()
        except queue.Empty:
            log.warning("submission_gave_up", waiting=len(work) - len(answers))
        finally:
            for future in work.values():
                future.cancel()
        return {key: answers.get(key, Answer("no_answer", error="gave_up")) for key in work}

    def at_once(self, work: Mapping[str, Callable[[AsyncVeranta], Coroutine[Any, Any, Result]]]) -> dict[str, Result]:
        """What each comes to, all at once; those that failed or took longer than ACCEPT_WITHIN_S are left out."""

        async def bounded(each: Callable[[AsyncVeranta], Coroutine[Any, Any, Result]]) -> Result:
            async with asyncio.timeout(ACCEPT_WITHIN_S):
                return await each(self._client())

        async def run_all() -> list[Result | BaseException]:
            return await asyncio.gather(*map(bounded, work.values()), return_exceptions=True)

        try:
            found = self._loop.run(run_all(), timeout_s=ACCEPT_WITHIN_S + 1)
        except TimeoutError:
            return {}
        failed = {key: repr(each)[:200] for key, each in zip(work, found, strict=True) if isinstance(each, Exception)}
        if failed:
            log.info("venue_not_reached", errors=sorted(failed.values()))
        return {key: each for key, each in zip(work, found, strict=True) if not isinstance(each, BaseException)}

    def events(self, after: dict[str, int]) -> dict[str, list[BatchedMarketEvent]]:
        """What the venue has told of these tracking ids beyond a sequence number; those that failed are left out."""

        async def ask_all() -> list[list[BatchedMarketEvent] | BaseException]:
            market = self._client().engine.batched_market
            asks = (asyncio.wait_for(market.status(key, after_seq=seq), ASK_WITHIN_S) for key, seq in after.items())
            told: list[list[BatchedMarketEvent] | BaseException] = await asyncio.gather(*asks, return_exceptions=True)
            return told

        found = self._run(ask_all())
        failed = {type(events).__name__ for events in found if isinstance(events, BaseException)}
        if failed:
            log.info("tracking_not_told", errors=sorted(failed))
        return {key: events for key, events in zip(after, found, strict=True) if not isinstance(events, BaseException)}

    def meta(self) -> dict[str, Any]:
        """Chain id and contracts, as the venue names them now."""
        return self._json(lambda sdk: sdk.txb.meta())

    def user_data(self, trader: str) -> dict[str, Any]:
        """A trader's positions and limit orders, raw."""
        return self._json(lambda sdk: user_data_of(sdk, trader))

    def balance(self, trader: str) -> dict[str, Any]:
        """Allowance and USDC balance of a trader's wallet."""
        return self._json(lambda sdk: sdk.txb.allowance(trader))

    def nonce(self, owner: str, nonce: int) -> dict[str, Any]:
        """What the venue says of one nonce of one address."""
        return self._json(lambda sdk: sdk.txb.nonce(owner, nonce))

    def trade_history(self, trader: str, limit: int) -> dict[str, Any]:
        """A trader's last executions."""
        return self._json(lambda sdk: sdk.info.trade_history(trader, 0, limit))

    def order_history(self, trader: str, limit: int) -> dict[str, Any]:
        """What last became of a trader's orders, those that rest too."""
        return self._json(lambda sdk: sdk.info.order_history(trader, 0, limit))

    def price_update(self, pair_index: int) -> dict[str, Any]:
        """The newest signed prices of a pair, which the contracts verify."""
        return self._json(
            lambda sdk: sdk.transport.json("GET", f"{sdk.config.feed_url}/v2/pairs/{pair_index}/price-update-data")
        )

    def begin(self, ask: Callable[[AsyncVeranta], Coroutine[Any, Any, Result]]) -> Future[Result]:
        """Begin to ask something that bounds itself in time; the future belongs to the caller's thread."""

        async def call() -> Result:
            return await ask(self._client())

        return self._loop.begin(call())

    def rpc(self, method: str, *parameters: Any) -> Any:
        """One call of the chain's node."""

        async def call() -> Any:
            if self._rpc is None:
                self._rpc = JsonRpcClient(settings.BASE_RPC_URL, timeout_s=ASK_WITHIN_S)
            return await self._rpc.call(method, list(parameters))

        return self._run(call())

    def close(self) -> None:
        """Close the connections."""

        async def close() -> None:
            if self._sdk is not None:
                await self._sdk.aclose()
            if self._rpc is not None:
                await self._rpc.aclose()

        self._loop.run(close(), timeout_s=CLOSE_WITHIN_S)

    async def _post(
        self, post: Post, told: "queue.SimpleQueue[Callable[[], None]]", tell: Tell, answers: dict[str, Answer]
    ) -> None:
        loop = asyncio.get_running_loop()

        async def hook(event: BatchedMarketEvent) -> None:
            stored = loop.create_future()
            told.put(lambda: _hand_over(tell, post.key, event, loop, stored))
            await stored

        answer = await self._answer(post, hook)
        told.put(lambda: answers.__setitem__(post.key, answer))

    async def _answer(self, post: Post, hook: Callable[[BatchedMarketEvent], Any]) -> Answer:
        """Nothing here sends twice: the SDK's transport does not retry this request, and neither do we."""
        signed = {"userIntent": post.encoded, "userSignature": post.signature}
        try:
            async with asyncio.timeout(ACCEPT_WITHIN_S):
                market = self._client().engine.batched_market
                with start_bounds.begun_by(post.start_by):
                    outcome = await market.execute(post.order_type, signed, None, wait=False, on_event=hook)
        except start_bounds.TooLate:
            return Answer("no_answer", error="paused")
        except ApiError as error:
            return Answer(
                "no_answer" if error.status is None else "refused", http_status=error.status, error=str(error)[:200]
            )
        except Exception as error:  # whatever broke on the way: nobody can say what left
            return Answer("no_answer", error=f"{type(error).__name__}: {error}"[:200])
        return Answer("accepted" if outcome.tracking_id else "no_answer", tracking_id=outcome.tracking_id)

    def _client(self) -> AsyncVeranta:
        """Only called on the loop. Services that the SDK would take from the environment are named here."""
        if self._sdk is None:
            gateway = settings.VERANTA_API_BASE_URL.rstrip("/")
            sdk = AsyncVeranta(
                api_base_url=gateway,
                batched_market_url=f"{gateway}/batched-market",
                core_api_url=f"{gateway}/core",
                relayer_url=f"{gateway}/blitz",
                data_api_url=f"{gateway}/data",
                tx_builder_url=settings.VERANTA_TX_BUILDER_URL,
                history_api_url=settings.VERANTA_HISTORY_API_URL,
                feed_url=settings.VERANTA_FEED_URL,
                timeout_s=SDK_TIMEOUT_S,
            )
            if sdk.config.private_key or sdk.config.trader_address:
                raise IdentityInEnvironment
            start_bounds.watch(sdk.transport._client)  # the SDK offers no other way in
            self._sdk = sdk
        return self._sdk

    def _json(self, ask: Callable[[AsyncVeranta], Coroutine[Any, Any, Any]]) -> dict[str, Any]:
        async def call() -> Any:
            return await ask(self._client())

        answer = self._run(call())
        if not isinstance(answer, dict):
            raise VenueUnreachable(error="not an object")
        return answer

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return self._loop.run(work, timeout_s=ASK_WITHIN_S + 1)
        except (VerantaError, httpx.HTTPError, TimeoutError, OSError, ValueError) as error:
            raise VenueUnreachable(error=f"{type(error).__name__}: {error}"[:200]) from error


async def user_data_of(sdk: AsyncVeranta, trader: str) -> Any:
    """What `VenueClient.user_data` asks, for asking about many at once."""
    return await sdk.transport.json("GET", f"{sdk.config.core_api_url}/user-data", params={"trader": trader})


def _hand_over(
    tell: Tell, key: str, event: BatchedMarketEvent, loop: asyncio.AbstractEventLoop, stored: "asyncio.Future[None]"
) -> None:
    """Let the event be stored, then let its stream go on; what could not be stored ends the stream."""
    try:
        tell(key, event)
    except Exception as error:
        log.exception("event_not_stored", key=key)
        loop.call_soon_threadsafe(_fail, stored, OSError(f"not stored: {type(error).__name__}"))
        return
    loop.call_soon_threadsafe(_succeed, stored)


def _succeed(stored: "asyncio.Future[None]") -> None:
    if not stored.done():
        stored.set_result(None)


def _fail(stored: "asyncio.Future[None]", error: Exception) -> None:
    if not stored.done():
        stored.set_exception(error)


_clients: dict[int, VenueClient] = {}  # by process: one that was made before a fork has no thread in the child


def venue_client() -> VenueClient:
    """The process's client. No lock guards it: a fork while it is held would leave the child waiting for ever."""
    known = _clients.get(os.getpid())
    return known if known is not None else _clients.setdefault(os.getpid(), VenueClient())


def close_client() -> None:
    """Close the process's client, if it has one."""
    client = _clients.pop(os.getpid(), None)
    if client is not None:
        client.close()
