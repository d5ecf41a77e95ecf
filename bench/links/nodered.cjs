// Node-RED without its editor: one Modbus client and one read of 125 input registers for each device, 62 float32 of them decoded.
//
//     node nodered.cjs PORT CONNECTIONS SECONDS PERIOD_MS
//
// Nothing is shown, logged or sent on: read, decode and keep. Prints one line of JSON.
"use strict";
const fs = require("fs"), os = require("os"), path = require("path");
const RED = require("node-red");

const [port, connections, seconds, periodMs] = process.argv.slice(2).map(Number);
const VALUES = 62, START_S = 6;
const kept = { requests: 0, image: Array.from({ length: connections }, () => new Float64Array(VALUES)) };
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "nodered-"));

function device(k) {
  const client = {
    id: `c${k}`, type: "modbus-client", name: `client ${k}`, clienttype: "tcp", bufferCommands: true, stateLogEnabled: false,
    queueLogEnabled: false, failureLogEnabled: false, tcpHost: "127.0.0.1", tcpPort: String(port), tcpType: "DEFAULT", unit_id: 1,
    commandDelay: 1, clientTimeout: 1000, reconnectOnTimeout: true, reconnectTimeout: 2000, parallelUnitIdsAllowed: true,
  };
  const read = {
    id: `r${k}`, z: "t", x: 1, y: 1, type: "modbus-read", name: `read ${k}`, topic: "", showStatusActivities: false, logIOActivities: false,
    showErrors: false, unitid: "1", dataType: "InputRegister", adr: "0", quantity: "125", rate: String(periodMs), rateUnit: "ms",
    delayOnStart: false, startDelayTime: "", server: `c${k}`, useIOFile: false, ioFile: "", useIOForPayload: false,
    emptyMsgOnFail: false, wires: [[`f${k}`], []],
  };
  const decode = {
    id: `f${k}`, z: "t", x: 2, y: 1, type: "function", name: `decode ${k}`, outputs: 0, wires: [], noerr: 0, initialize: "", finalize: "", libs: [],
    func: `const kept = global.get("kept"), row = kept.image[${k}], raw = msg.responseBuffer.buffer;
for (let n = 0; n < ${VALUES}; n++) row[n] = raw.readFloatBE(4 * n);
kept.requests++;`,
  };
  return [client, read, decode];
}

async function main() {
  const flows = [{ id: "t", type: "tab", label: "t" }, ...Array.from({ length: connections }, (_, k) => device(k)).flat()];
  fs.writeFileSync(path.join(directory, "flows.json"), JSON.stringify(flows));
  RED.init({
    httpAdminRoot: false, httpNodeRoot: false, userDir: directory, flowFile: "flows.json", functionGlobalContext: { kept },
    nodesDir: path.dirname(require.resolve("node-red-contrib-modbus/package.json")), disableEditor: true,
    logging: { console: { level: "off" } }, telemetry: { enabled: false },
  });
  await RED.start();
  await new Promise((done) => setTimeout(done, 1000 * START_S + 2 * periodMs));
  const before = kept.requests, cpu = process.cpuUsage(), wall = process.hrtime.bigint();
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const used = process.cpuUsage(cpu), wall_s = Number(process.hrtime.bigint() - wall) / 1e9;
  console.log(JSON.stringify({ requests: kept.requests - before, cpu_s: (used.user + used.system) / 1e6, wall_s }));
  fs.rmSync(directory, { recursive: true });
  process.exit(0);
}

main();
