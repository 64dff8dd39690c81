// Keeps a page honest that htmx keeps live: says since when it is old, and leaves alone what somebody is using.
"use strict";

const PATIENCE_MS = 12000; // two questions without an answer
const FIELDS = "input, textarea, select";
const SILENT = "No answer since {at}: what is below is old. The page goes on asking.";
const HELD = "Held since {at} while you type: what is below is old.";
const region = document.querySelector("[data-live]");
const notice = document.getElementById("live-notice");
let answeredAt = Date.now();
let isHeld = false;
let focused = null;

function sayOld(words) {
  notice.textContent = words.replace("{at}", region.querySelector("[data-at]").textContent);
  notice.hidden = false;
  region.classList.add("v-old");
}

function sayLive() {
  notice.hidden = true;
  region.classList.remove("v-old");
}

region.addEventListener("htmx:beforeSwap", (event) => {
  const active = document.activeElement;
  const isUsed = event.target === region && region.contains(active);
  isHeld = isUsed && active.matches(FIELDS);
  focused = isUsed ? active.getAttribute("href") : null;
  if (isHeld) event.detail.shouldSwap = false;
});
region.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== region) return;
  if (!event.detail.successful) { sayOld(SILENT); return; }
  answeredAt = Date.now();
  if (isHeld) sayOld(HELD); else sayLive();
});
region.addEventListener("htmx:afterSwap", () => {
  if (!focused) return;
  const same = [...region.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === focused);
  focused = null;
  if (same) same.focus({ preventScroll: true });
});
setInterval(() => { if (Date.now() - answeredAt > PATIENCE_MS) sayOld(SILENT); }, 1000);
