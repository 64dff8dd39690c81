// The list of people on the left, with their last message and what they have not read.
import { byId, clock, element } from "./dom.js";
import { activeChat, lastOf, state, unreadOf } from "./state.js";

export function drawPeople(onChoose) {
  const list = byId("people-list");
  list.replaceChildren(...[...state.chats.values()].map((chat) => personOf(chat, onChoose)));
  const total = [...state.chats.values()].filter((chat) => chat.id !== state.active).reduce((n, chat) => n + unreadOf(chat), 0);
  const badge = byId("total-unread");
  badge.hidden = total === 0;
  badge.textContent = total > 99 ? "99+" : total;
  byId("as-name").textContent = activeChat()?.name ?? "";
}

function personOf(chat, onChoose) {
  const last = lastOf(chat);
  const unread = chat.id === state.active ? 0 : unreadOf(chat);
  const words = last ? `${last.from_bot ? "" : "You: "}${last.text || "Picture"}`.split("\n")[0] : "No messages yet";
  const first = element("div", {}, element("b", { textContent: chat.name }));
  if (chat.role && chat.role !== "trader") first.append(element("span", { className: "role", textContent: chat.role }));
  if (chat.blocked) first.append(element("span", { className: "role", textContent: "blocked the bot" }));
  if (last) first.append(element("time", { textContent: clock(last.date) }));
  const second = element("div", {}, element("span", { className: "last", textContent: words }));
  if (unread) second.append(element("span", { className: "badge", textContent: unread, data: { testid: "unread" } }));
  return element("button", {
    type: "button", className: "person", "aria-current": String(chat.id === state.active),
    data: { testid: `person-${chat.id}`, personId: chat.id }, on: { click: () => onChoose(chat.id) },
  },
    element("span", { className: `face hue-${hueOf(chat.id)}`, textContent: chat.name.replace("Trader ", "").slice(0, 1) }),
    element("div", { className: "person-lines" }, first, second));
}

const hueOf = (id) => (id === 1 ? 2 : (id - 1001 + 500) % 5);
