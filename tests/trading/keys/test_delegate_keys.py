"""A delegate's key opens in its own row, in the process that has the keys, and nowhere else."""

import pytest
from pytest_django import Settings

from tests.trading.keys.rings import key_text, make_delegate
from trading.errors import KeyUnavailable
from trading.keys import delegate_keys
from trading.models import Delegate

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ring(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = key_text("first")


def opened(delegate: Delegate) -> bytes:
    with delegate_keys.private_key(delegate) as key:
        return key


def test_a_key_opens_in_its_own_row_and_is_the_addresss() -> None:
    delegate = make_delegate()
    assert len(opened(Delegate.objects.get(pk=delegate.pk))) == 32
    assert delegate.key_id == "first"


def test_keys_swapped_between_delegates_open_in_neither() -> None:
    first, second = make_delegate(), make_delegate()
    first.wrapped_key, second.wrapped_key = second.wrapped_key, first.wrapped_key
    for delegate in (first, second):
        with pytest.raises(KeyUnavailable):
            opened(delegate)


def test_not_even_between_two_delegates_of_one_trader() -> None:
    first = make_delegate()
    second = make_delegate(trader=first.trader, status=Delegate.Status.REQUESTED)
    first.wrapped_key = second.wrapped_key
    with pytest.raises(KeyUnavailable):
        opened(first)


def test_a_process_without_keys_neither_seals_nor_opens(settings: Settings) -> None:
    delegate = make_delegate()
    settings.KEY_ENCRYPTION_KEYS = ""
    with pytest.raises(KeyUnavailable):
        opened(delegate)
    with pytest.raises(KeyUnavailable):
        delegate_keys.seal(delegate, bytes(32))


def test_the_database_refuses_an_ended_delegate_that_keeps_its_key() -> None:
    delegate = make_delegate()
    delegate.end(Delegate.Status.REVOKED, "by_trader")
    delegate.save(update_fields=Delegate.ENDING)
    assert Delegate.objects.get(pk=delegate.pk).wrapped_key is None


def test_a_wiped_key_is_zeros() -> None:
    _, private_key = delegate_keys.generate()
    delegate_keys.wipe(private_key)
    assert private_key == bytearray(32)


def test_neither_the_row_nor_an_error_shows_the_key(settings: Settings) -> None:
    delegate = make_delegate()
    key = opened(delegate)
    settings.KEY_ENCRYPTION_KEYS = key_text("first")
    with pytest.raises(KeyUnavailable) as caught:
        opened(delegate)
    for text in (str(delegate), repr(delegate), str(caught.value), repr(delegate.wrapped_key)):
        assert key.hex() not in text
        assert repr(key) not in text
