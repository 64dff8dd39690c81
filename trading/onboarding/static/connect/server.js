// Talking to Vanta: JSON both ways, refusals as Problems.
import { Problem } from "./words.js";

const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { "content-type": "application/json", "x-csrftoken": token() },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem("offline");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  if (answer.status === 403) throw new Problem("forbidden");
  throw new Problem(told.error ?? "offline");
}

export const readState = () => call("GET", "state/");
export const askMessage = (wallet) => call("POST", "message/", { wallet }).then((told) => told.message);
export const sendProof = (wallet, signature, days) => call("POST", "wallet/", { wallet, signature, days });
export const sendSignature = (signature) => call("POST", "signature/", { signature });
export const lookNow = () => call("POST", "look/", {});
