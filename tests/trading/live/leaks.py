"""Where a secret may have got to, and every form in which it could lie there."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import redis
from django.db import connection

Places = Mapping[str, bytes]


def forms(secret: bytes) -> dict[str, bytes]:
    """How these bytes are written by hand, by libraries, and by Python's own `repr`, padding left away."""
    hexadecimal = secret.hex().encode()
    return {
        "raw": secret,
        "hex": hexadecimal,
        "HEX": hexadecimal.upper(),
        "base64": base64.b64encode(secret).rstrip(b"="),
        "urlsafe base64": base64.urlsafe_b64encode(secret).rstrip(b"="),
        "repr": repr(secret)[2:-1].encode(),
        "list": repr(list(secret))[1:-1].encode(),
        "number": str(int.from_bytes(secret, "big")).encode(),
    }


def found(secrets: Mapping[str, bytes], places: Places) -> list[str]:
    """`<secret> as <form> in <place>` for each that is there; empty secrets would be everywhere and are an error."""
    assert all(secrets.values()), "an empty secret"
    told = []
    for place, content in places.items():
        plain = content.replace(b"\\\\", b"\\")  # COPY and JSON double what repr writes
        for name, secret in secrets.items():
            told += [
                f"{name} as {form} in {place}"
                for form, text in forms(secret).items()
                if text in content or text in plain
            ]
    return told


def tables() -> dict[str, bytes]:
    """Every table of the database, as PostgreSQL copies it out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        return {f"table {name}": _copied(cursor, name) for name in names}


def _copied(cursor: Any, name: str) -> bytes:
    parts: list[bytes] = []
    sink = type("Sink", (), {"write": lambda _, data: parts.append(bytes(data))})()
    cursor.cursor.copy_expert(f"COPY {name} TO STDOUT", sink)
    return b"".join(parts)


def redis_keys(*urls: str) -> dict[str, bytes]:
    """Every key with its value, of these Redis databases."""
    told = {}
    for url in urls:
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter():
                told[f"Redis {urlsplit(url).path} {key!r}"] = key + b"\n" + _value(client, key)
    return told


def _value(client: redis.Redis, key: bytes) -> bytes:
    read: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.get(key),
        b"hash": lambda: client.hgetall(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
    }
    kind = client.type(key)
    return _flat(read[kind]()) if kind in read else b""  # it went while we looked


def _flat(value: Any) -> bytes:
    """The bytes of whatever Redis answers, one after the other."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping):
        return b"\n".join(_flat(part) for pair in value.items() for part in pair)
    return b"" if value is None else b"\n".join(map(_flat, value))


@contextmanager
def overheard(url: str) -> Iterator[list[bytes]]:
    """Meanwhile, every command that anybody sends to this Redis: what queues hold for a moment is in it as well."""
    heard: list[bytes] = []
    client: Any = redis.Redis.from_url(url)
    with client.monitor() as monitor:
        monitor.connection._sock.settimeout(None)
        listener = Thread(target=_listen, args=(monitor, heard), daemon=True)
        listener.start()
        try:
            yield heard
        finally:
            client.echo("the end")
            listener.join(timeout=10)
        assert not listener.is_alive(), "the listener has not come to the end"
    client.close()


def _listen(monitor: Any, heard: list[bytes]) -> None:
    while not heard or b"the end" not in heard[-1]:
        heard.append(monitor.connection.read_response(disable_decoding=True))
