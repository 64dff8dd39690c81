// The drawer that makes the outside world misbehave, through the control API.
import { byId, call, element, toast } from "./dom.js";
import { activeChat, state } from "./state.js";

const SERVICES = ["telegram", "feed", "data", "coingecko", "rpc", "risk", "core", "batched-market", "blitz", "tx-builder", "history", "twap"];
const PRICE_SERVICES = ["feed", "coingecko", "rpc"];
// Kinds that only some services know.
const ORDERS = ["batched-market"];
const EXECUTING = ["batched-market", "blitz"];
const SERVICES_OF = {
  frozen: PRICE_SERVICES, jump: PRICE_SERVICES, silent: ["feed"], close: ["feed"], sequencer_down: ["rpc"], lag: ["rpc"],
  lost_accept: ORDERS, delay_events: ORDERS, duplicate_events: ORDERS, reorder_events: ORDERS, stream_timeout: ORDERS,
  attempt_failed: ORDERS, error_after_fill: ORDERS, canceled: ORDERS,
  relay_timeout: EXECUTING, slow_execution: EXECUTING, forget_tracking: EXECUTING, not_applied: ["blitz"],
  tamper: ["tx-builder", "core", "batched-market", "blitz", "history", "rpc"],
};
const FIELDS = {
  hang: [["seconds", "Seconds", 10]],
  status: [["status", "Status", 500]],
  rate_limit: [["retry_after", "Retry after, s", 3]],
  garbage: [],
  truncated: [],
  drop: [],
  frozen: [],
  jump: [["jump_pct", "Jump, %", 5]],
  silent: [],
  close: [["seconds", "After seconds", 1]],
  sequencer_down: [],
  lag: [["seconds", "Seconds", 30]],
  lost_accept: [],
  delay_events: [["seconds", "Seconds", 5]],
  duplicate_events: [],
  reorder_events: [],
  stream_timeout: [],
  attempt_failed: [],
  error_after_fill: [],
  canceled: [],
  relay_timeout: [["seconds", "Executed after, s", 5]],
  slow_execution: [["seconds", "Seconds", 5]],
  forget_tracking: [],
  not_applied: [],
  tamper: [["set", "Paths and values", '{"price": "1"}', "text"]],
};
const drawer = byId("faults");
let kind = "hang";
let service = "telegram";

export function startFaults() {
  byId("open-faults").addEventListener("click", () => (drawer.hidden ? openDrawer() : closeDrawer()));
}

export function drawFaultCount(count) {
  const badge = byId("fault-count");
  badge.hidden = count === 0;
  badge.textContent = count;
}

const closeDrawer = () => { drawer.hidden = true; };

async function openDrawer() {
  drawer.hidden = false;
  await draw();
}

async function draw() {
  const told = await call("GET", "/control/state");
  drawFaultCount(told.faults.length);
  const shut = element("button", { className: "icon-button", type: "button", textContent: "✕", "aria-label": "Close", on: { click: closeDrawer } });
  drawer.replaceChildren(
    element("header", {}, element("h2", { textContent: "Faults" }), shut),
    element("p", { textContent: "Make a part of the outside world misbehave and watch Vanta cope." }),
    formOf(),
    element("h3", { textContent: "In force" }),
    ...(told.faults.length ? told.faults.map(faultOf) : [element("p", { textContent: "Nothing: the world behaves." })]),
    ...(told.faults.length ? [clearButton()] : []),
    element("h3", { textContent: "Market" }),
    marketOf(told),
    element("h3", { textContent: "Person" }),
    blockOf(),
  );
}

function select(label, options, value, onChange, testid) {
  const made = element("select", { data: { testid }, on: { change: () => onChange(made.value) } },
    ...options.map((name) => element("option", { value: name, textContent: name.replaceAll("_", " "), selected: name === value })));
  return element("label", {}, label, made);
}

function formOf() {
  const services = SERVICES_OF[kind] ?? SERVICES;
  if (!services.includes(service)) [service] = services;
  const extras = FIELDS[kind].map(([name, label, value, type = "number"]) =>
    element("label", {}, label, element("input", { type, name, value, ...(type === "number" ? { step: "any" } : {}) })));
  const form = element("form", { on: { submit: inject } },
    select("Service", services, service, (value) => { service = value; }, "fault-service"),
    select("Kind", Object.keys(FIELDS), kind, (value) => { kind = value; draw(); }, "fault-kind"),
    ...extras,
    element("label", {}, "Only so many times", element("input", { type: "number", name: "count", placeholder: "always", min: 1 })),
    element("button", { className: "plain strong wide", type: "submit", textContent: "Inject", data: { testid: "fault-inject" } }));
  return form;
}

async function inject(event) {
  event.preventDefault();
  const asked = { service, kind };
  for (const [name, value] of new FormData(event.target)) if (value !== "") asked[name] = value;
  await act(() => call("POST", "/control/faults", readable(asked)), `${service}: ${kind.replaceAll("_", " ")}`);
}

// Numbers come as text and are read by the sandbox; only a tampered answer's changes are an object.
function readable(asked) {
  return "set" in asked ? { ...asked, set: JSON.parse(asked.set) } : asked;
}

function faultOf(fault) {
  return element("div", { className: "fault", data: { testid: "fault" } },
    element("b", { textContent: fault.service }), element("i", { textContent: fault.kind.replaceAll("_", " ") }),
    element("span", { textContent: `${fault.hits} hits` }));
}

function clearButton() {
  const clear = () => act(() => call("DELETE", "/control/faults"), "All faults cleared");
  return element("button", { type: "button", className: "plain danger", textContent: "Clear all", data: { testid: "fault-clear" }, on: { click: clear } });
}

function marketOf(told) {
  const move = (share) => act(() => call("POST", "/control/price", { symbol: "ETH/USD", price: told.prices["ETH/USD"] * share }), "ETH moved");
  const frozen = told.walk_frozen;
  const freeze = () => act(() => call("POST", "/control/freeze", { frozen: !frozen }), frozen ? "The market moves" : "The market stands still");
  const button = (text, click) => element("button", { type: "button", className: "plain", textContent: text, on: { click } });
  return element("div", { className: "quick" },
    button("ETH −5 %", () => move(0.95)), button("ETH +5 %", () => move(1.05)),
    button("ETH −1 %", () => move(0.99)), button("ETH +1 %", () => move(1.01)),
    button(frozen ? "Let it move" : "Freeze prices", freeze));
}

function blockOf() {
  const chat = activeChat();
  const block = () => act(() => call("POST", "/control/block", { chat_id: state.active, blocked: !chat.blocked }),
    chat.blocked ? `${chat.name} unblocked the bot` : `${chat.name} blocked the bot`);
  return element("button", {
    type: "button", className: "plain", data: { testid: "block" }, on: { click: block },
    textContent: chat.blocked ? `${chat.name} unblocks the bot` : `${chat.name} blocks the bot`,
  });
}

async function act(action, said) {
  try {
    await action();
    toast(said);
  } catch (error) {
    toast(error.message);
  }
  await draw();
}
