// The column of messages of the chat that is looked at.
import { byId, dayOf, element } from "./dom.js";
import { bubbleOf, ticks } from "./bubbles.js";
import { activeChat } from "./state.js";

const column = byId("stream");
const down = byId("scroll-down");
const NEAR_PX = 120;
const FIRST_COMMANDS = ["/start", "/help", "/balance", "/price ETH", "/markets", "/positions"];
const MAIN_COMMAND = "/long ETH 100 10x sl=2900";
const GROUP_S = 180;

let context = null;

export function startStream(given) {
  context = given;
  column.addEventListener("scroll", drawDown);
  down.addEventListener("click", () => toBottom(true));
  new ResizeObserver(() => { if (stuck) toBottom(); }).observe(column);
  column.addEventListener("load", () => { if (stuck) toBottom(); }, true);
  byId("lightbox").addEventListener("click", () => byId("lightbox").close());
}

let stuck = true;
let lastTop = 0;

// Only a scroll upwards lets go of the end: content that grows does not move the column by itself.
function drawDown() {
  const isNear = column.scrollHeight - column.scrollTop - column.clientHeight < NEAR_PX;
  if (isNear) stuck = true;
  else if (column.scrollTop < lastTop - 2) stuck = false;
  lastTop = column.scrollTop;
  down.hidden = stuck;
}

function toBottom(smooth = false) {
  column.scrollTo({ top: column.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  stuck = true;
  down.hidden = true;
}

export function drawStream() {
  const chat = activeChat();
  column.replaceChildren();
  if (!chat.messages.size) { column.append(emptyOf(chat)); return; }
  let before = null;
  for (const message of chat.messages.values()) {
    place(message, before);
    before = message;
  }
  toBottom();
}

function place(message, before) {
  if (!before || dayOf(before.date) !== dayOf(message.date)) {
    column.append(element("div", { className: "day", textContent: dayOf(message.date) }));
  }
  const made = bubbleOf(message, context);
  if (before && before.from_bot === message.from_bot && message.date - before.date < GROUP_S) made.classList.add("follows");
  column.append(made);
}

export function addMessage(message, before) {
  column.querySelector(".empty")?.remove();
  place(message, before);
  if (stuck || !message.from_bot) toBottom();
}

export function replaceMessage(message) {
  const old = nodeOf(message.id);
  if (!old) return;
  const made = bubbleOf(message, context);
  made.classList.toggle("follows", old.classList.contains("follows"));
  made.querySelector(".bubble").classList.add("changed");
  old.replaceWith(made);
  if (stuck) toBottom();
}

export const removeMessage = (id) => nodeOf(id)?.remove();

export function markDelivered(id) {
  nodeOf(id)?.querySelector(".meta svg")?.replaceWith(ticks(true));
}

export function nodeOf(id) {
  return column.querySelector(`[data-message-id="${id}"]`);
}

export function showMessage(id) {
  const node = nodeOf(id);
  if (!node) return;
  node.scrollIntoView({ block: "center", behavior: "smooth" });
  const bubble = node.querySelector(".bubble");
  bubble.classList.remove("changed");
  requestAnimationFrame(() => bubble.classList.add("changed"));
}

function emptyOf(chat) {
  const chip = (text, isMain) => element("button", {
    type: "button", className: isMain ? "chip main" : "chip", textContent: text,
    data: { testid: "chip" }, on: { click: () => context.say(text) },
  });
  return element("div", { className: "empty", data: { testid: "empty-state" } },
    element("img", { src: "/static/bot.svg", alt: "" }),
    element("h2", { textContent: `Hello, ${chat.name}` }),
    element("p", { textContent: "Trade perpetuals by typing. Everything runs on paper money here: try a first order, or look around." }),
    element("div", { className: "chips" }, chip(MAIN_COMMAND, true), ...FIRST_COMMANDS.map((text) => chip(text, false))));
}
