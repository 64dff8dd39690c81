// The page's course. The server knows the step, so a reload goes on where it was; the wallet is asked only on a click.
import { approval, parse, show } from "./amounts.js";
import { askMessage, lookNow, readState, sendProof, sendSignature } from "./server.js";
import * as wallets from "./wallets.js";
import { OVER, Problem, words } from "./words.js";

const byId = (id) => document.getElementById(id);
const ORDER = ["wallet", "sign", "allow", "done"];
const SHOWN_STEP = { wallet: "wallet", preparing: "sign", sign: "sign", registering: "sign", allow: "allow", done: "done" };
const WAITS = new Set(["preparing", "registering"]);
const POLL_MS = 1500;
const APPROVAL_POLLS = 80;
const POLLS_AFTER_RECEIPT = 8;
let state = null;
let found = [];
let busy = false;
let sent = null; // the approval that is on its way
let polling = 0;
let changing = false; // the amount, once more

const date = (iso) => new Date(iso).toLocaleString([], { dateStyle: "long", timeStyle: "short" });

function draw() {
  byId("loading").hidden = true;
  const over = state.step === "over";
  byId("over").hidden = !over;
  byId("steps").hidden = over;
  if (over) return drawOver();
  const current = ORDER.indexOf(changing && state.step === "done" ? "allow" : SHOWN_STEP[state.step]);
  for (const [index, name] of ORDER.entries()) {
    const item = document.querySelector(`[data-step=${name}]`);
    item.classList.toggle("past", index < current);
    item.classList.toggle("current", index === current);
    item.toggleAttribute("aria-current", index === current);
    item.querySelector(".body").hidden = index !== current;
  }
  drawWarning();
  drawWallets();
  drawSigning();
  drawAllowance();
}

function drawOver() {
  const [title, text] = OVER[state.problem] ?? ["This connection has ended", "Send /connect to the bot for a new link."];
  byId("over-title").textContent = title;
  byId("over-text").textContent = text;
  byId("problem").hidden = true;
}

function drawWarning() {
  const warning = byId("warning");
  warning.hidden = !state.person_before || state.step !== "wallet";
  warning.textContent = `This browser has connected a wallet for ${state.person_before} before. This link is for ${state.person}: go on only if that is you.`;
}

function drawWallets() {
  const list = byId("wallets");
  const choice = byId("days").querySelector(".choices");
  if (!choice.childElementCount) choice.replaceChildren(...state.days.map(dayChoice));
  if (!found.length) {
    list.replaceChildren(Object.assign(document.createElement("p"), { className: "wrong", textContent: words(new Problem("no_wallet")) }));
    return;
  }
  list.replaceChildren(...found.map(walletButton));
}

function dayChoice(days, index) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "days", value: days, checked: index === 0 });
  const text = Object.assign(document.createElement("span"), { textContent: `${days} days` });
  label.append(input, text);
  return label;
}

function walletButton(wallet) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "primary wallet" });
  if (wallet.info.icon?.startsWith("data:image/")) {
    button.append(Object.assign(document.createElement("img"), { src: wallet.info.icon, alt: "", width: 22, height: 22 }));
  }
  button.append(`Connect ${wallet.info.name}`);
  button.disabled = busy;
  button.addEventListener("click", () => run(() => prove(wallet)));
  return button;
}

function drawSigning() {
  byId("preparing").hidden = state.step !== "preparing";
  byId("registering").hidden = state.step !== "registering";
  byId("request").hidden = state.step !== "sign";
  if (state.step !== "sign") return;
  byId("fact-trader").textContent = state.wallet;
  byId("fact-delegate").textContent = state.delegate;
  byId("fact-expiry").textContent = `${state.request.message.expiry} (${date(state.expires_at)})`;
  byId("terms").textContent = state.request.message.tnc;
}

function drawAllowance() {
  if (state.allowance_usd !== undefined) {
    byId("fact-balance").textContent = show(state.balance_usd);
    byId("fact-allowance").textContent = show(state.allowance_usd);
  }
  byId("waiting").hidden = !sent;
  byId("allow-form").hidden = Boolean(sent) || state.allowance_usd === undefined; // what is unread cannot be seen to change
  if (state.step !== "done") return;
  byId("done-wallet").textContent = state.wallet;
  byId("done-expiry").textContent = date(state.expires_at);
  byId("done-allowance").textContent = show(state.allowance_usd);
  byId("unlimited").hidden = show(state.allowance_usd) !== "unlimited";
}

/** One thing at a time; what goes wrong is said where the eye is. */
async function run(work) {
  if (busy) return;
  busy = true;
  byId("problem").hidden = true;
  setDisabled(true);
  try {
    await work();
  } catch (error) {
    showProblem(error);
  } finally {
    busy = false;
    setDisabled(false);
    schedule();
  }
}

function setDisabled(disabled) {
  document.querySelectorAll("main button").forEach((button) => { button.disabled = disabled; });
}

function showProblem(error) {
  byId("problem-text").textContent = words(error);
  byId("switch").hidden = error.code !== "wrong_chain";
  (document.querySelector(".current .body") ?? byId("over").parentElement).append(byId("problem"));
  byId("problem").hidden = false;
  byId("problem").scrollIntoView({ block: "nearest" });
  if (["used", "expired", "unknown"].includes(error.code)) readState().then(take, () => {}); // perhaps by this browser
}

function take(next) {
  state = next;
  draw();
  schedule();
}

async function prove(wallet) {
  wallets.remember(wallet);
  const address = await wallets.account(wallet);
  await wallets.requireChain(wallet, state.chain_id);
  await wallets.requirePlain(wallet, address);
  const signature = await wallets.signText(wallet, address, await askMessage(address));
  take(await sendProof(address, signature, Number(document.querySelector("[name=days]:checked").value)));
}

function currentWallet() {
  const wallet = wallets.chosen();
  if (!wallet) throw new Problem("no_wallet");
  return wallet;
}

async function ready() {
  const wallet = currentWallet();
  await wallets.requireAccount(wallet, state.wallet);
  await wallets.requireChain(wallet, state.chain_id);
  return wallet;
}

async function sign() {
  const wallet = await ready();
  take(await sendSignature(await wallets.signRequest(wallet, state.wallet, state.request)));
}

async function allow(units) {
  const wallet = await ready();
  const { usdc, spender } = state.contracts;
  const hash = await wallets.send(wallet, { from: state.wallet, to: usdc, data: approval(spender, units), value: "0x0" });
  sent = { hash, before: state.allowance_usd, left: APPROVAL_POLLS };
  draw();
}

/** Ask again soon while something is or may be under way: the key, the registration, the allowance. */
function schedule() {
  clearTimeout(polling);
  if (state && (WAITS.has(state.step) || state.step === "allow" || sent)) polling = setTimeout(poll, POLL_MS);
}

async function poll() {
  try {
    if (sent) await followApproval();
    else take(await readState());
    byId("problem").hidden ||= byId("problem-text").textContent === words(new Problem("offline"));
  } catch (error) {
    showProblem(error);
    schedule();
  }
}

async function followApproval() {
  const told = await wallets.receipt(currentWallet(), sent.hash);
  if (told?.status === "0x0") {
    sent = null;
    draw();
    throw new Problem("reverted");
  }
  if (told) {
    await lookNow();
    sent.left = Math.min(sent.left, POLLS_AFTER_RECEIPT); // the same amount as before looks like no change
  }
  const next = await readState();
  sent.left -= 1;
  if (next.allowance_usd !== sent.before || !sent.left) {
    sent = null;
    changing = false;
  }
  take(next);
}

byId("sign").addEventListener("click", () => run(sign));
byId("switch").addEventListener("click", () => run(() => wallets.switchChain(currentWallet(), state.chain_id)));
byId("allow-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const units = parse(byId("amount").value);
  byId("amount-problem").textContent = units ? "" : "Write an amount of USDC above zero, like 500.";
  if (units) run(() => allow(units));
});
byId("change").addEventListener("click", () => { changing = true; draw(); });
wallets.discover((all) => { found = all; if (state) draw(); });
readState().then(take, (error) => {
  byId("loading").hidden = true;
  state = { step: "over", problem: error.code };
  if (OVER[error.code]) draw();
  else showProblem(error);
});
