"""The process's web3 client of Base's node. Nothing is retried here: whoever asks says when it is asked again."""

from functools import cache

from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception

TIMEOUT_S = 3
# What a node that is away, overloaded, or answers nonsense makes web3 raise; its texts hold the URL, and with it a key.
NodeErrors = (RequestException, Web3Exception, ValueError, TypeError, KeyError, AttributeError, OverflowError)


@cache
def node(url: str) -> Web3:
    """The client of the node at `url`."""
    return Web3(HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=None))
