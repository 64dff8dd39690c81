// What the page says about every way in which it can go wrong, by code.

const AGAIN = "Send /connect to the bot for a new link.";

export const OVER = {
  unknown: ["This link is not known", `It may be cut off, or an older one: only the newest works. ${AGAIN}`],
  expired: ["This link's time is over", `A link works for 10 minutes. ${AGAIN}`],
  used: ["This link was used already", `A link works once, in one browser. If it was not you who used it, tell an admin and look at /wallet in the chat. ${AGAIN}`],
  contract_wallet: ["A contract wallet cannot be connected", "There is code at this address: it is a contract wallet, or an account that was upgraded to one. Use a plain account. " + AGAIN],
  another_chain: ["The venue is on another chain now", "Vanta cannot connect wallets until an admin has looked at it."],
  not_signed: ["The signature did not come in time", `Nothing was set up. ${AGAIN}`],
  not_registered: ["The venue did not take it in time", `Nothing was set up. ${AGAIN}`],
  open_on_another_wallet: ["You have open positions or orders on another wallet", `Close them first, or connect that wallet again. ${AGAIN}`],
  begun_anew: ["You have begun anew with another link", "Go on there."],
  replaced: ["A newer connection took the place of this one", "/wallet in the chat shows it."],
  by_trader: ["You have revoked this connection", `Its key is deleted. ${AGAIN}`],
  revoked_at_venue: ["This connection was removed at the venue", `Its key is deleted. ${AGAIN}`],
};

const ERRORS = {
  rejected: "You declined in the wallet. Nothing was done; try again whenever you like.",
  pending: "Your wallet has a question open already. Answer it there.",
  no_account: "The wallet gave no account. Unlock it and choose one.",
  wrong_account: (wallet) => `Your wallet is on another account. Choose ${wallet} in it, then try again.`,
  another_account: "Another account signed than the one you connected. Choose the right one in your wallet, then try again.",
  wrong_chain: "Your wallet is on another network than Base.",
  contract_wallet: "This is a contract wallet, or an account upgraded to one. Only a plain account can be connected: choose another one.",
  wallet_of_another: "This wallet is connected to another Telegram account. Revoke it there first (/wallet), or use another wallet.",
  open_on_another_wallet: "You have open positions or orders on another wallet. Close them first, or connect that wallet again.",
  not_a_signature: "What the wallet sent is no signature. Try again, or use another wallet.",
  not_an_address: "The wallet gave something that is no address.",
  not_an_expiry: "Choose when it ends.",
  request_changed: "The request was changed on the way. Reload the page; if it happens again, tell an admin.",
  nothing_to_sign: "There is nothing to sign at this step. Reload the page.",
  too_late: `The time to sign is over. ${AGAIN}`,
  no_wallet: "No wallet was found in this browser. Open the link in a browser with a wallet, or in your wallet's own browser.",
  offline: "Vanta does not answer. Check your connection; nothing is lost, and the page goes on by itself.",
  forbidden: "The page is too old. Reload it.",
  reverted: "The chain refused the transaction. Nothing was allowed.",
};

export function words(error) {
  const found = ERRORS[error.code];
  if (typeof found === "function") return found(error.detail);
  if (found) return found;
  return OVER[error.code]?.join(". ") ?? `The wallet said: ${error.message}`;
}

export class Problem extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}
