// The sandbox's wallet of pretended money, announced like any other (EIP-6963); loaded only where there is a sandbox.

const address = document.querySelector("meta[name=sandbox-wallet]").content;
const ASKED = {
  eth_requestAccounts: () => null,
  personal_sign: ([hex]) => `Sign this message?\n\n${text(hex)}`,
  eth_signTypedData_v4: ([, typed]) => `Sign this ${JSON.parse(typed).primaryType}?\n\n${lines(JSON.parse(typed).message)}`,
  eth_sendTransaction: ([call]) => `Send this transaction of pretended money?\n\n${lines(call)}`,
};
const icon = "data:image/svg+xml," + encodeURIComponent(
  "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'><rect width='24' height='24' rx='6' fill='#d9a441'/>"
  + "<path d='M5 8h14v9H5zM14 11h5v3h-5z' fill='none' stroke='#3b2a07' stroke-width='1.8'/></svg>");

function text(hex) {
  return new TextDecoder().decode(Uint8Array.from(hex.slice(2).match(/../g), (pair) => parseInt(pair, 16)));
}

function lines(values) {
  return Object.entries(values).map(([name, value]) => `${name}: ${value}`).join("\n");
}

const provider = {
  async request({ method, params = [] }) {
    const question = ASKED[method]?.(params);
    if (question && !window.confirm(`Sandbox wallet\n\n${question}`)) throw Object.assign(new Error("rejected"), { code: 4001 });
    const answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ method, params }),
    });
    const told = await answer.json();
    if (told.error) throw Object.assign(new Error(told.error.message), { code: told.error.code });
    return told.result;
  },
};

const detail = Object.freeze({ info: { uuid: "sandbox", name: "Sandbox wallet", icon, rdns: "vanta.sandbox" }, provider });
const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
window.addEventListener("eip6963:requestProvider", announce);
announce();
