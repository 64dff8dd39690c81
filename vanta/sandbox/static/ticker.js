// The strip of prices under the header.
import { byId, element } from "./dom.js";

const shown = new Map();
const digits = (price) => (price >= 1000 ? 2 : price >= 10 ? 3 : 5);

export function drawTicker(prices, onPick) {
  const strip = byId("ticker");
  for (const [symbol, price] of Object.entries(prices)) {
    const known = shown.get(symbol) ?? addPrice(strip, symbol, onPick);
    const text = price.toLocaleString("en-US", { minimumFractionDigits: digits(price), maximumFractionDigits: digits(price) });
    if (known.price !== undefined && text !== known.value.textContent) {
      known.made.classList.remove("up", "down");
      known.made.classList.add(price > known.price ? "up" : "down");
      setTimeout(() => known.made.classList.remove("up", "down"), 500);
    }
    known.value.textContent = text;
    known.price = price;
  }
}

function addPrice(strip, symbol, onPick) {
  const value = element("b");
  const name = symbol.replace("/USD", "");
  const made = element("div", { className: "price", title: symbol, on: { click: () => onPick(name) } },
    element("span", { textContent: name }), value);
  made.dataset.symbol = symbol;
  strip.append(made);
  shown.set(symbol, { made, value });
  return shown.get(symbol);
}
