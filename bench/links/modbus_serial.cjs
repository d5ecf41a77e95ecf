// modbus-serial, the client that Node-RED's Modbus nodes run on: 125 input registers, 62 float32 of them decoded.
//
//     node modbus_serial.cjs PORT CONNECTIONS SECONDS PERIOD_MS
//
// PERIOD_MS 0: each connection asks again as soon as it is answered; else all of them together, once each period.
"use strict";
const ModbusRTU = require("modbus-serial");

const [port, connections, seconds, periodMs] = process.argv.slice(2).map(Number);
const REGISTERS = 125, VALUES = 62, WARM_MS = 300;
const image = Array.from({ length: connections }, () => new Float64Array(VALUES));
let requests = 0;

async function read(client, values) {
  const { buffer } = await client.readInputRegisters(0, REGISTERS);
  for (let k = 0; k < VALUES; k++) values[k] = buffer.readFloatBE(4 * k);
  requests++;
}

async function main() {
  const clients = [];
  for (let k = 0; k < connections; k++) {
    const client = new ModbusRTU();
    await client.connectTCP("127.0.0.1", { port });
    client.setID(1);
    client.setTimeout(1000);
    clients.push(client);
  }
  let over = false;
  const asking = periodMs
    ? [new Promise((done) => {
        const timer = setInterval(() => {
          if (over) { clearInterval(timer); done(); return; }
          clients.forEach((client, k) => read(client, image[k]));
        }, periodMs);
      })]
    : clients.map(async (client, k) => { while (!over) await read(client, image[k]); });
  await new Promise((done) => setTimeout(done, Math.max(WARM_MS, 2 * periodMs)));
  const before = requests, cpu = process.cpuUsage(), wall = process.hrtime.bigint();
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const used = process.cpuUsage(cpu), wall_s = Number(process.hrtime.bigint() - wall) / 1e9;
  console.log(JSON.stringify({ requests: requests - before, cpu_s: (used.user + used.system) / 1e6, wall_s }));
  over = true;
  await Promise.all(asking);
  process.exit(0);
}

main();
