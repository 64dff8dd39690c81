// USDC as people write it and as the chain counts it (millionths), without floating point.

const DECIMALS = 6;
const APPROVE = "0x095ea7b3"; // approve(address,uint256)
const SHOWN_AS_UNLIMITED = 10n ** 18n; // 10^12 USDC

/** Millionths, or null where it is not an amount above zero. "1,000.5" and "1000.5" are the same. */
export function parse(text) {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(text.trim().replaceAll(",", ""));
  if (!match) return null;
  const units = BigInt(match[1] + (match[2] ?? "").padEnd(DECIMALS, "0"));
  return units > 0n ? units : null;
}

/** Of a decimal text as the server sends it. */
export function show(text) {
  const [whole, part = ""] = text.split(".");
  if (BigInt(whole) * 10n ** 6n >= SHOWN_AS_UNLIMITED) return "unlimited";
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${part.padEnd(2, "0").slice(0, 2)} USDC`;
}

const word = (hex) => hex.padStart(64, "0");

export function approval(spender, units) {
  return APPROVE + word(spender.slice(2).toLowerCase()) + word(units.toString(16));
}
