"""A wallet as a browser has it: announced by EIP-6963, asked by EIP-1193, signing here with a key of the test's own."""

import json
from typing import Any

import httpx
from playwright.sync_api import BrowserContext

from tests.trading.wallets import Wallet

BASE = "0x2105"
REJECTED, UNKNOWN_CHAIN = 4001, 4902
ANNOUNCE = """(() => {
  const provider = { request: async ({ method, params }) => {
    const told = await window.askTestWallet(method, params ?? []);
    if (told.error) throw Object.assign(new Error("the wallet says no"), { code: told.error });
    return told.result;
  } };
  const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'>"
    + "<rect width='8' height='8' fill='orange'/></svg>";
  const info = { uuid: "350670db-19fa-4704-a166-e52e178b59d2", name: "Test Wallet", icon, rdns: "example.test.wallet" };
  const announce = () => window.dispatchEvent(
    new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
})()"""


class BrowserWallet:
    """What its owner does with it: `account` is chosen, `rejects` the next question, is on `chain`."""

    def __init__(self, rpc_url: str = "") -> None:
        self.account, self.rpc_url = Wallet(), rpc_url
        self.chain, self.code, self.rejects = BASE, "0x", False
        self.asked: list[str] = []
        self._methods = {
            "eth_requestAccounts": lambda params: [self.account.address.lower()],
            "eth_chainId": lambda params: self.chain,
            "eth_getCode": lambda params: self.code,
            "wallet_switchEthereumChain": self._switch,
            "personal_sign": lambda params: self.account.signs_text(bytes.fromhex(params[0][2:]).decode()),
            "eth_signTypedData_v4": lambda params: self.account.signs_request(_json(params[1])),
            "eth_sendTransaction": self._send,
            "eth_getTransactionReceipt": lambda params: self._chain("eth_getTransactionReceipt", params),
        }

    def installed_in(self, context: BrowserContext) -> None:
        """Every page of this browser has it from its first script on."""
        context.expose_function("askTestWallet", self._answer)
        context.add_init_script(ANNOUNCE)

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        self.asked.append(method)
        if self.rejects and method not in ("eth_chainId", "eth_getCode"):
            self.rejects = False
            return {"error": REJECTED}
        try:
            return {"result": self._methods[method](params)}  # type: ignore[no-untyped-call]
        except LookupError:
            return {"error": UNKNOWN_CHAIN}

    def _switch(self, params: list[Any]) -> None:
        self.chain = params[0]["chainId"]

    def _send(self, params: list[Any]) -> str:
        asked = params[0]
        transaction = {
            "to": asked["to"],
            "data": asked["data"],
            "value": 0,
            "gas": 100_000,
            "maxFeePerGas": 10**9,
            "maxPriorityFeePerGas": 10**6,
            "nonce": int(self._chain("eth_getTransactionCount", [asked["from"], "latest"]), 16),
            "chainId": int(self.chain, 16),
            "type": 2,
        }
        return str(self._chain("eth_sendRawTransaction", [self.account.signs_transaction(transaction)]))

    def _chain(self, method: str, params: list[Any]) -> Any:
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(self.rpc_url, json=asked, trust_env=False).raise_for_status().json()["result"]


def _json(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed
