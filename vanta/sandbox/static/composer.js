// The line where a person types, and the menu of the bot's commands.
import { byId, element } from "./dom.js";
import { state } from "./state.js";

const box = byId("text");
const menu = byId("command-menu");
const slash = byId("commands");
let chosen = 0;
let onSend = () => {};

export function startComposer(send) {
  onSend = send;
  byId("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  box.addEventListener("input", () => { fit(); followTyping(); });
  box.addEventListener("keydown", onKey);
  slash.addEventListener("click", () => (menu.hidden ? openMenu("") : closeMenu()));
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !menu.contains(event.target) && !slash.contains(event.target) && event.target !== box) closeMenu();
  });
  fit();
}

export function propose(text) {
  box.value = text;
  fit();
  box.focus();
}

export function focusComposer() {
  if (matchMedia("(min-width: 761px)").matches) box.focus();
}

function submit() {
  const text = box.value;
  if (!text.trim()) return;
  box.value = "";
  closeMenu();
  fit();
  onSend(text);
}

function onKey(event) {
  const rows = [...menu.querySelectorAll(".command")];
  if (!menu.hidden && rows.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : rows.length - 1)) % rows.length;
    rows.forEach((row, index) => row.classList.toggle("chosen", index === chosen));
    rows[chosen].scrollIntoView({ block: "nearest" });
  } else if (event.key === "Tab" && !menu.hidden && rows.length) {
    event.preventDefault();
    propose(`/${rows[chosen].dataset.command} `);
    closeMenu();
  } else if (event.key === "Escape") {
    closeMenu();
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 160)}px`;
  byId("send").disabled = !box.value.trim();
}

function followTyping() {
  const begun = /^\/(\w*)$/.exec(box.value);
  if (begun) openMenu(begun[1]);
  else closeMenu();
}

function openMenu(prefix) {
  const fitting = state.commands.filter((known) => known.command.startsWith(prefix.toLowerCase()));
  if (!fitting.length && prefix) { closeMenu(); return; }
  chosen = 0;
  menu.replaceChildren(...fitting.map(rowOf));
  if (!fitting.length) menu.append(element("p", { textContent: "The bot has not set its commands yet. Try /start or /help." }));
  menu.hidden = false;
  slash.setAttribute("aria-expanded", "true");
}

function rowOf(known, index) {
  const pick = () => { closeMenu(); box.value = ""; fit(); onSend(`/${known.command}`); };
  return element("button", {
    type: "button", className: `command${index === 0 ? " chosen" : ""}`,
    data: { testid: "command", command: known.command }, on: { click: pick },
  }, element("b", { textContent: `/${known.command}` }), element("span", { textContent: known.description }));
}

function closeMenu() {
  menu.hidden = true;
  slash.setAttribute("aria-expanded", "false");
}
