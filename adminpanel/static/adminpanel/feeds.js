// Says that what the page shows is old while the server does not answer; htmx goes on asking.
"use strict";

const stale = document.getElementById("feeds-stale");

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, () => { stale.hidden = false; });
}
document.addEventListener("htmx:afterSwap", () => { stale.hidden = true; });
