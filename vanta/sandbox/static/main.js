// Puts the page together: loads the state, follows the events, sends what the person does.
import { byId, call, showAlert, toast } from "./dom.js";
import { focusComposer, propose, startComposer } from "./composer.js";
import { drawFaultCount, startFaults } from "./faults.js";
import { drawPeople } from "./people.js";
import { activeChat, chatOf, choose, lastOf, load, markSeen, state } from "./state.js";
import { addMessage, drawStream, markDelivered, nodeOf, removeMessage, replaceMessage, showMessage, startStream } from "./stream.js";
import { drawTicker } from "./ticker.js";

const WAIT_FOR_ANSWER_MS = 15000;
const TYPING_MS = 5000;
const waiting = new Map(); // callback id -> the pressed key
const answered = new Set(); // answers that came before the tap's own response
let early = null; // notes that came while the state was loading
let typingTimer = 0;

const context = {
  say,
  tap,
  copy: (text) => navigator.clipboard.writeText(text).then(() => toast("Copied")),
  // Telegram copies code that is clicked; a command goes straight to where it can be sent.
  take: (text) => (text.startsWith("/") ? propose(text) : context.copy(text)),
  find: (id) => activeChat().messages.get(id),
  show: showMessage,
  get personName() { return activeChat().name; },
};

async function say(text) {
  try {
    const message = await call("POST", "/chat/messages", { user_id: state.active, text });
    onMessage({ chat_id: message.chat_id, message });
  } catch (error) {
    toast(error.message);
    propose(text);
  }
}

async function tap(message, button, key) {
  key.classList.add("waiting");
  key.dataset.state = "waiting";
  try {
    const told = await call("POST", "/chat/taps", { user_id: state.active, message_id: message.id, data: button.callback_data });
    if (answered.delete(told.callback_id)) release(key);
    else waiting.set(told.callback_id, key);
    setTimeout(() => { waiting.delete(told.callback_id); release(key); }, WAIT_FOR_ANSWER_MS);
  } catch (error) {
    release(key);
    toast(error.message);
  }
}

function release(key) {
  key.classList.remove("waiting");
  delete key.dataset.state;
}

function drawAll() {
  markSeen(activeChat());
  drawPeople(pick);
  drawStream();
  drawBlocked();
  byId("bot-name").textContent = state.bot.first_name;
}

function pick(id) {
  choose(id);
  byId("app").classList.remove("showing-people");
  drawAll();
  setTyping(false);
  focusComposer();
}

function onMessage({ chat_id: chatId, message }) {
  const chat = chatOf(chatId);
  if (chat.messages.has(message.id)) return;
  const before = lastOf(chat);
  chat.messages.set(message.id, message);
  if (chatId === state.active) {
    addMessage(message, before);
    if (message.from_bot) setTyping(false);
    if (document.visibilityState === "visible") markSeen(chat);
  }
  drawPeople(pick);
}

function onEdit({ chat_id: chatId, message }) {
  const chat = chatOf(chatId);
  if (!chat.messages.has(message.id)) return;
  chat.messages.set(message.id, message);
  if (chatId === state.active) replaceMessage(message);
  drawPeople(pick);
}

function onAnswer(note) {
  const key = waiting.get(note.callback_id);
  if (key) release(key);
  else answered.add(note.callback_id);
  waiting.delete(note.callback_id);
  // The keyboard may have been drawn again since the tap.
  nodeOf(note.message_id)?.querySelectorAll(".waiting").forEach(release);
  if (note.text && note.chat_id === state.active) (note.alert ? showAlert : toast)(note.text);
}

function setTyping(isTyping) {
  const presence = byId("presence");
  presence.textContent = isTyping ? "typing" : "bot";
  presence.classList.toggle("typing", isTyping);
  clearTimeout(typingTimer);
  if (isTyping) typingTimer = setTimeout(() => setTyping(false), TYPING_MS);
}

const handlers = {
  message: onMessage,
  edit: onEdit,
  answer: onAnswer,
  delete: (note) => { chatOf(note.chat_id).messages.delete(note.message_id); removeMessage(note.message_id); drawPeople(pick); },
  delivered: (note) => {
    const message = chatOf(note.chat_id).messages.get(note.message_id);
    if (message) message.delivered = true;
    if (note.chat_id === state.active) markDelivered(note.message_id);
  },
  typing: (note) => { if (note.chat_id === state.active) setTyping(true); },
  commands: (note) => { state.commands = note.commands; },
  blocked: (note) => { chatOf(note.chat_id).blocked = note.blocked; drawPeople(pick); drawBlocked(); },
};

function apply(note) {
  if (note.seq <= state.seq) return;
  state.seq = note.seq;
  handlers[note.type]?.(note);
}

async function reload() {
  early = [];
  load(await call("GET", "/chat/state"));
  drawAll();
  focusComposer();
  early.forEach(apply);
  early = null;
}

let webhookError = "";

function drawBlocked() {
  const notice = byId("notice");
  const chat = activeChat();
  notice.hidden = !webhookError && !chat?.blocked;
  if (chat?.blocked) notice.textContent = `${chat.name} has blocked the bot: it cannot write here.`;
  else notice.textContent = webhookError ? `Vanta does not take messages yet, they wait here: ${webhookError}` : "";
}

function onTicker(told) {
  drawTicker(told.prices, (name) => propose(`/price ${name}`));
  drawFaultCount(told.faults);
  if (told.webhook_error === webhookError) return;
  webhookError = told.webhook_error;
  drawBlocked();
}

function setLive(isLive) {
  byId("live-dot").className = `dot ${isLive ? "live" : "lost"}`;
  byId("live-text").textContent = isLive ? "live" : "the sandbox does not answer, trying again…";
}

function follow() {
  const events = new EventSource("/chat/events");
  events.addEventListener("hello", () => reload().then(() => setLive(true), (error) => toast(error.message)));
  events.addEventListener("note", (event) => {
    const note = JSON.parse(event.data);
    if (early) early.push(note);
    else apply(note);
  });
  events.addEventListener("ticker", (event) => onTicker(JSON.parse(event.data)));
  events.addEventListener("error", () => setLive(false));
}

byId("open-people").addEventListener("click", () => byId("app").classList.add("showing-people"));
byId("shade").addEventListener("click", () => byId("app").classList.remove("showing-people"));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && activeChat()) { markSeen(activeChat()); drawPeople(pick); }
});
startStream(context);
startComposer(say);
startFaults();
follow();
