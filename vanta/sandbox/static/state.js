// What the page knows: chats with their messages, who is looked at, what is unread.

const SEEN = "vanta-sandbox-seen";
const CHOSEN = "vanta-sandbox-person";

export const state = { seq: 0, bot: {}, commands: [], chats: new Map(), active: null, seen: read(SEEN, {}) };

function read(name, otherwise) {
  try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; }
}

export function load(told) {
  state.seq = told.seq;
  state.bot = told.bot;
  state.commands = told.commands;
  state.chats = new Map(told.chats.map((chat) => [chat.id, { ...chat, messages: new Map(chat.messages.map((m) => [m.id, m])) }]));
  const wanted = Number(new URLSearchParams(location.search).get("as")) || state.active || read(CHOSEN, 1001);
  state.active = state.chats.has(wanted) ? wanted : [...state.chats.keys()][0];
}

export const activeChat = () => state.chats.get(state.active);

export function choose(id) {
  state.active = id;
  localStorage.setItem(CHOSEN, JSON.stringify(id));
}

export function lastOf(chat) {
  return [...chat.messages.values()].at(-1);
}

export function markSeen(chat) {
  const last = lastOf(chat);
  if (!last || state.seen[chat.id] >= last.id) return;
  state.seen[chat.id] = last.id;
  localStorage.setItem(SEEN, JSON.stringify(state.seen));
}

export function unreadOf(chat) {
  const seen = state.seen[chat.id] ?? 0;
  let count = 0;
  for (const message of chat.messages.values()) if (message.from_bot && message.id > seen) count += 1;
  return count;
}

export function chatOf(id) {
  if (!state.chats.has(id)) {
    state.chats.set(id, { id, name: `Trader ${id}`, username: "", role: "trader", blocked: false, messages: new Map() });
  }
  return state.chats.get(id);
}
