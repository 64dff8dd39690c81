// One message as an element: bubble, picture, reply, inline keyboard.
import { byId, clock, element } from "./dom.js";

const TICKS = {
  sent: "M1 6l3.4 3.6L11 2",
  read: "M1 6l3.4 3.6L11 2M7.2 9.2l.6.4L14.6 2",
};
const COMMAND = /(^|[^\w/])(\/[A-Za-z0-9_]{1,64})(?![\w/])/g;

export function bubbleOf(message, context) {
  const made = element("article", {
    className: `message ${message.from_bot ? "in" : "out"}${message.edited ? " edited" : ""}`,
    data: { testid: "message", messageId: message.id, from: message.from_bot ? "bot" : "person" },
  });
  const bubble = element("div", { className: "bubble" });
  bubble.append(...[replyOf(message, context), fileOf(message), bodyOf(message, context), metaOf(message)].filter(Boolean));
  if (message.file?.kind === "photo") bubble.classList.add("pictured");
  made.append(bubble);
  if (message.keyboard.length) made.append(keyboardOf(message, context));
  return made;
}

function bodyOf(message, context) {
  const body = element("div", { className: "body", data: { testid: "message-text" } });
  body.innerHTML = message.html; // made and escaped by the server's own parser
  if (message.from_bot) linkCommands(body, context);
  body.querySelectorAll("code").forEach((code) => code.addEventListener("click", () => context.take(code.textContent)));
  return body;
}

function linkCommands(body, context) {
  const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest("a, code, pre") || !text.data.includes("/")) continue;
    const parts = [];
    let end = 0;
    for (const found of text.data.matchAll(COMMAND)) {
      const start = found.index + found[1].length;
      parts.push(text.data.slice(end, start), commandLink(found[2], context));
      end = start + found[2].length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(end));
  }
}

function commandLink(command, context) {
  const send = (event) => { event.preventDefault(); context.say(command); };
  return element("a", { href: "#", textContent: command, on: { click: send } });
}

function metaOf(message) {
  const meta = element("span", { className: "meta" });
  if (message.edited) meta.append(element("span", { textContent: "edited" }));
  meta.append(element("time", { textContent: clock(message.date) }));
  if (!message.from_bot) meta.append(ticks(message.delivered));
  return meta;
}

export function ticks(isDelivered) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 11");
  svg.dataset.testid = isDelivered ? "delivered" : "sent";
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", isDelivered ? TICKS.read : TICKS.sent);
  svg.append(path);
  return svg;
}

function replyOf(message, context) {
  const quoted = message.reply_to && context.find(message.reply_to);
  if (!quoted) return null;
  const show = () => context.show(quoted.id);
  return element("button", { type: "button", className: "reply", on: { click: show }, data: { testid: "reply" } },
    element("b", { textContent: quoted.from_bot ? "Vanta" : context.personName }),
    element("span", { textContent: quoted.text || "Picture" }));
}

function fileOf(message) {
  const file = message.file;
  if (!file) return null;
  if (file.kind === "photo") {
    const enlarge = () => { byId("lightbox-image").src = file.url; byId("lightbox").showModal(); };
    return element("img", {
      className: "picture", src: file.url, alt: message.text || "Picture", loading: "eager",
      width: file.width, height: file.height, data: { testid: "photo" }, on: { click: enlarge },
    });
  }
  return element("a", { className: "file", href: file.url, download: file.name, data: { testid: "document" } },
    element("i", { textContent: "↓" }), element("span", { textContent: file.name }));
}

function keyboardOf(message, context) {
  const rows = message.keyboard.map((row) =>
    element("div", {}, ...row.map((button) => keyOf(message, button, context))));
  return element("div", { className: "keyboard", data: { testid: "keyboard" } }, ...rows);
}

function keyOf(message, button, context) {
  if (button.url) {
    return element("a", {
      className: "key opens", href: button.url, target: "_blank", rel: "noopener noreferrer",
      textContent: button.text, data: { testid: "inline-button" },
    });
  }
  const key = element("button", { type: "button", className: "key", textContent: button.text, data: { testid: "inline-button" } });
  if (button.callback_data) key.dataset.callback = button.callback_data;
  const copies = button.copy_text?.text;
  key.addEventListener("click", () => (copies ? context.copy(copies) : context.tap(message, button, key)));
  return key;
}
