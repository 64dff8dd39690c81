// Wallets of this browser: found by EIP-6963, spoken to by EIP-1193. Their errors become Problems.
import { Problem } from "./words.js";

const KEPT = "vanta-wallet";
const REJECTED = 4001, PENDING = -32002, UNKNOWN_CHAIN = 4902;
const BASE = {
  chainName: "Base",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: ["https://mainnet.base.org"],
  blockExplorerUrls: ["https://basescan.org"],
};
const found = new Map(); // by uuid

export function discover(onFound) {
  window.addEventListener("eip6963:announceProvider", ({ detail }) => {
    if (!detail?.info?.uuid || !detail.provider || found.has(detail.info.uuid)) return;
    found.set(detail.info.uuid, detail);
    onFound([...found.values()]);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    if (!found.size && window.ethereum?.request) {
      found.set("injected", { info: { uuid: "injected", name: "Browser wallet", icon: "", rdns: "injected" }, provider: window.ethereum });
    }
    onFound([...found.values()]);
  }, 400);
}

export function remember({ info }) {
  sessionStorage.setItem(KEPT, info.rdns);
}

/** The wallet that was used before a reload, or the only one there is. */
export function chosen() {
  const all = [...found.values()];
  return all.find(({ info }) => info.rdns === sessionStorage.getItem(KEPT)) ?? (all.length === 1 ? all[0] : undefined);
}

async function ask({ provider }, method, params) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    if (error?.code === REJECTED) throw new Problem("rejected");
    if (error?.code === PENDING) throw new Problem("pending");
    throw error;
  }
}

const hexId = (chainId) => `0x${chainId.toString(16)}`;

export async function account(wallet) {
  const accounts = await ask(wallet, "eth_requestAccounts");
  if (!accounts?.length) throw new Problem("no_account");
  return accounts[0];
}

export async function requireAccount(wallet, address) {
  const current = await account(wallet);
  if (current.toLowerCase() !== address.toLowerCase()) throw new Problem("wrong_account", address);
}

export async function requireChain(wallet, chainId) {
  const current = await ask(wallet, "eth_chainId");
  if (Number(current) !== chainId) throw new Problem("wrong_chain");
}

export async function requirePlain(wallet, address) {
  const code = await ask(wallet, "eth_getCode", [address, "latest"]);
  if (code && code !== "0x") throw new Problem("contract_wallet");
}

export async function switchChain(wallet, chainId) {
  try {
    await ask(wallet, "wallet_switchEthereumChain", [{ chainId: hexId(chainId) }]);
  } catch (error) {
    if (error.code !== UNKNOWN_CHAIN) throw error;
    await ask(wallet, "wallet_addEthereumChain", [{ chainId: hexId(chainId), ...BASE }]);
  }
}

export function signText(wallet, address, text) {
  const bytes = new TextEncoder().encode(text);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return ask(wallet, "personal_sign", [`0x${hex}`, address]);
}

export const signRequest = (wallet, address, request) =>
  ask(wallet, "eth_signTypedData_v4", [address, JSON.stringify(request)]);

export const send = (wallet, transaction) => ask(wallet, "eth_sendTransaction", [transaction]);

export const receipt = (wallet, hash) => ask(wallet, "eth_getTransactionReceipt", [hash]);
