// Compiles Aggregator.sol and prints {"abi": [...], "bytecode": "..."}; the compiler is WebAssembly, nothing is fetched.
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const file = "Aggregator.sol";
const input = {
  language: "Solidity",
  sources: { [file]: { content: fs.readFileSync(path.join(__dirname, file), "utf8") } },
  settings: { outputSelection: { "*": { Aggregator: ["abi", "evm.bytecode.object"] } } },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
if (output.errors) {
  console.error(output.errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const { abi, evm } = output.contracts[file].Aggregator;
console.log(JSON.stringify({ abi, bytecode: evm.bytecode.object }));
