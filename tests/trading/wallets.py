"""A browser wallet without the browser, and how far it comes with a link."""

import json
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from trading.models import Delegate, Trader
from trading.services import onboarding


class Wallet:
    """A plain account that signs what it is asked to."""

    def __init__(self) -> None:
        self._account = Account.create()
        self.address: str = self._account.address

    def signs_text(self, text: str) -> str:
        return "0x" + bytes(self._account.sign_message(encode_defunct(text=text)).signature).hex()

    def signs_request(self, typed_data: dict[str, Any]) -> str:
        """As wallets do: the numbers come as text."""
        asked = json.loads(json.dumps(typed_data))
        fields = {field["name"]: field["type"] for field in asked["types"][asked["primaryType"]]}
        asked["message"] = {k: int(v) if fields[k] == "uint256" else v for k, v in asked["message"].items()}
        return "0x" + bytes(self._account.sign_message(encode_typed_data(full_message=asked)).signature).hex()

    def signs_transaction(self, transaction: dict[str, Any]) -> str:
        """The raw transaction."""
        return "0x" + bytes(self._account.sign_transaction(transaction).raw_transaction).hex()


def token_for(trader: Trader) -> str:
    """The token of a new link, as the message that brings it has it."""
    token = onboarding.issue_token(onboarding.offer_link(trader).pk)
    assert token is not None
    return token


def prove(trader: Trader, wallet: Wallet, *, token: str | None = None, days: int = 30) -> Delegate:
    """Use a link with this wallet."""
    token = token or token_for(trader)
    message = onboarding.sign_in_message(onboarding.find_link(token), wallet.address)
    return onboarding.prove_wallet(token=token, wallet=wallet.address, signature=wallet.signs_text(message), days=days)
