"""An envelope opens with the ring and for the owner that it was sealed for, and in no other case."""

import base64
import json
import logging
import traceback

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.keys.rings import key_text
from trading.errors import KeyUnavailable
from trading.keys.envelope import BadKeyring, Keyring, Owner, open_sealed, rewrap, seal
from vanta.logging import redact

OWNER = Owner(7, "0x71041dddad3595F9CEd3DcCFBe3D1F4b0a16Bb70")
PARTS = ("data_key", "private_key")
keys = st.binary(min_size=32, max_size=32)


def ring(*ids: str) -> Keyring:
    return Keyring.parse(",".join(key_text(key_id) for key_id in ids))


@given(private_key=keys, trader_id=st.integers(1, 2**63), address=st.text(min_size=1, max_size=50))
def test_what_is_sealed_opens_again_for_the_same_owner(private_key: bytes, trader_id: int, address: str) -> None:
    keyring, owner = ring("a"), Owner(trader_id, address)
    assert open_sealed(keyring, seal(keyring, private_key, owner), owner) == private_key


@given(private_key=keys)
def test_no_two_envelopes_of_one_key_are_alike_and_neither_holds_it(private_key: bytes) -> None:
    keyring = ring("a")
    first, second = seal(keyring, private_key, OWNER), seal(keyring, private_key, OWNER)

    assert all(first[part] != second[part] for part in PARTS)
    assert private_key not in base64.b64decode(first["private_key"])


@pytest.mark.parametrize("part", PARTS)
def test_every_flipped_bit_is_noticed(part: str) -> None:
    keyring = ring("a")
    sealed = seal(keyring, bytes(range(32)), OWNER)
    text = sealed[part].encode()
    for place in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[place // 8] ^= 1 << place % 8
        changed = {**sealed, part: flipped.decode("latin-1")}
        with pytest.raises(KeyUnavailable):
            open_sealed(keyring, changed, OWNER)


@pytest.mark.parametrize(
    "changed", [{"version": 2}, {"key_id": "b"}, {"key_id": ""}, {"data_key": None}, {"private_key": ""}]
)
def test_so_is_every_other_change(changed: dict[str, object]) -> None:
    keyring = ring("a", "b")
    with pytest.raises(KeyUnavailable):
        open_sealed(keyring, {**seal(keyring, bytes(32), OWNER), **changed}, OWNER)


@pytest.mark.parametrize("other", [Owner(8, OWNER.address), Owner(7, "0x" + "1" * 40)])
def test_an_envelope_in_another_row_does_not_open(other: Owner) -> None:
    keyring = ring("a")
    with pytest.raises(KeyUnavailable):
        open_sealed(keyring, seal(keyring, bytes(32), OWNER), other)


@pytest.mark.parametrize("part", PARTS)
def test_nor_does_one_with_a_part_of_another_delegates(part: str) -> None:
    keyring = ring("a")
    mine, other = seal(keyring, bytes(32), OWNER), seal(keyring, bytes(32), Owner(8, OWNER.address))
    with pytest.raises(KeyUnavailable):
        open_sealed(keyring, {**mine, part: other[part]}, OWNER)


def test_another_key_under_the_same_id_does_not_open_it() -> None:
    with pytest.raises(KeyUnavailable):
        open_sealed(ring("a"), seal(ring("a"), bytes(32), OWNER), OWNER)


@pytest.mark.parametrize("sealed", [None, {}, {"version": 1}, {"version": 1, "key_id": "a", "data_key": 5}])
def test_no_envelope_is_an_error_too(sealed: dict[str, object] | None) -> None:
    with pytest.raises(KeyUnavailable):
        open_sealed(ring("a"), sealed, OWNER)


def test_after_rewrapping_the_old_key_is_not_needed_any_more() -> None:
    old, new = key_text("old"), key_text("new")
    sealed = seal(Keyring.parse(old), bytes(range(32)), OWNER)

    moved = rewrap(Keyring.parse(f"{new},{old}"), sealed, OWNER)

    assert open_sealed(Keyring.parse(new), moved, OWNER) == bytes(range(32))
    assert moved["private_key"] == sealed["private_key"]
    with pytest.raises(KeyUnavailable):
        open_sealed(Keyring.parse(old), moved, OWNER)


def test_a_ring_without_keys_neither_seals_nor_opens() -> None:
    empty = Keyring.parse("")
    assert not empty
    with pytest.raises(KeyUnavailable):
        seal(empty, bytes(32), OWNER)


GOOD = base64.b64encode(bytes(32)).decode()
BAD_RINGS = [
    ("a", "the key a is not 32 bytes"),
    (GOOD, "entry 1"),
    (f"a:{GOOD},", "entry 2"),
    (f"a b:{GOOD}", "entry 1"),
    (f"a:{GOOD},a:{GOOD}", "twice"),
    (f"a:{GOOD[:-4]}", "not 32 bytes"),
    (f"a:{GOOD},b:nonsense!", "the key b is not 32 bytes"),
]


@pytest.mark.parametrize(("text", "said"), BAD_RINGS)
def test_a_ring_that_is_written_wrongly_is_refused_without_repeating_it(text: str, said: str) -> None:
    with pytest.raises(BadKeyring, match=said) as caught:
        Keyring.parse(text)
    assert GOOD not in str(caught.value)


def test_the_first_key_is_the_current_one() -> None:
    keyring = ring("new", "old")
    assert keyring.current_id == "new"
    assert keyring.ids == ("new", "old")


def test_nothing_that_is_written_about_a_ring_or_a_failure_shows_a_key() -> None:
    text = key_text("a")
    keyring, private_key = Keyring.parse(text), bytes(range(100, 132))
    sealed = seal(keyring, private_key, OWNER)
    written = [repr(keyring), str(keyring), repr(OWNER)]
    with pytest.raises(KeyUnavailable) as caught:
        open_sealed(keyring, {**sealed, "data_key": sealed["private_key"]}, OWNER)
    written += [repr(caught.value), str(caught.value), "".join(traceback.format_exception(caught.value))]
    event = {"event": "x", "keyring": keyring, "key": private_key.hex(), "wrapped": sealed, "raw": private_key}
    written.append(json.dumps(redact(structlog.get_logger(), "info", event)))
    written += [json.dumps(redact(None, "info", {"event": text})), json.dumps(redact(None, "info", {"at": [text]}))]
    written.append(logging.Formatter().format(logging.LogRecord("x", 20, "x", 1, "%s", (keyring,), None)))

    raw_kek = base64.b64decode(text.partition(":")[2])
    for secret in (private_key, raw_kek):
        for shown in (secret.hex(), base64.b64encode(secret).decode(), json.dumps(repr(secret))[3:-2]):
            assert not any(shown in line for line in written), shown
