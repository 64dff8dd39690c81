// Asks /readyz every five seconds and says what it says.
"use strict";

const card = document.getElementById("health");
const status = document.getElementById("health-status");
const detail = document.getElementById("health-detail");

function show(state, text) {
  card.className = `fact health-${state}`;
  status.textContent = { ok: "READY", degraded: "DEGRADED", failed: "NOT READY" }[state];
  detail.textContent = text;
}

async function ask() {
  try {
    const report = await (await fetch(card.dataset.url)).json();
    const ailing = Object.entries(report.checks).filter(([, check]) => check.status !== "ok").map(([name]) => name);
    const count = Object.keys(report.checks).length;
    show(report.status, ailing.length ? `${ailing.join(", ")}: look at the health page.` : `All ${count} checks pass.`);
  } catch {
    show("failed", "The health page does not answer.");
  }
}

ask();
setInterval(ask, 5000);
