"""Whether the price stream flows, as an alert's condition."""

import datetime as dt

from adminpanel.alert_conditions import Condition, Finding
from adminpanel.models import Alert
from feeds.selectors import open_markets
from feeds.stream_status import StreamStatus, read_stream
from vanta import clock
from vanta.redis import RedisDown

PATIENCE = dt.timedelta(seconds=30)
NOTICED_WITHIN = dt.timedelta(seconds=10)  # a stream that nobody needed before has not been down for all that time


def silence(now: dt.datetime) -> Finding | None:
    """None while the stream flows, and while there is nothing to stream.

    Redis down counts as a stream that is down: nobody can tell its prices.
    """
    try:
        stream = read_stream()
    except RedisDown:
        return Finding({"": "Redis does not answer"}, now)
    if (stream and stream.is_flowing(clock.now_ms())) or not any(market.lazer_feed_id for market in open_markets()):
        return None
    if stream is None:
        return Finding({"": "no streamer runs"}, now)
    return Finding({"": _why(stream)}, max(clock.from_ms(stream.last_price_ms), now - NOTICED_WITHIN))


def _why(stream: StreamStatus) -> str:
    failures = f", {stream.failures} failures in a row" if stream.failures else ""
    return f"{stream.state}{failures}: {stream.last_error or 'no price yet'}"


STREAM = Condition(Alert.Kind.PRICE_STREAM, silence, patience=PATIENCE)
