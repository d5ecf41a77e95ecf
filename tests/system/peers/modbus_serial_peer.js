// A Modbus server on modbus-serial, and somebody to ask what it holds: node modbus_serial_peer.js tcp PORT
// It is asked on its input in the words of libmodbus_peer.c. Registers lie in one buffer, as on the wire.
"use strict";

const readline = require("readline");
const { ServerTCP } = require("modbus-serial");

const FIRST = 100, SIZE = 400;
const words = { holding: Buffer.alloc(2 * SIZE), input: Buffer.alloc(2 * SIZE) };
const bits = { coil: new Array(SIZE).fill(false), discrete: new Array(SIZE).fill(false) };
const kinds = {
    int16: ["Int16", 2], uint16: ["UInt16", 2], int32: ["Int32", 4], uint32: ["UInt32", 4], float32: ["Float", 4],
    int64: ["BigInt64", 8], uint64: ["BigUInt64", 8], float64: ["Double", 8],
};
let refusing = 0;
let asked = {};

// Whether this may be asked: what is thrown becomes an exception of Modbus.
function heard(address, functionCode) {
    asked[functionCode] = (asked[functionCode] || 0) + 1;
    if (refusing || address < FIRST || address >= FIRST + SIZE) throw { modbusErrorCode: refusing || 2 };
    return address - FIRST;
}

const wordAt = (table, functionCode) => (address) => words[table].readUInt16BE(2 * heard(address, functionCode));
const bitAt = (table, functionCode) => (address) => bits[table][heard(address, functionCode)];

const vector = {
    getHoldingRegister: wordAt("holding", 3),
    getInputRegister: wordAt("input", 4),
    getCoil: bitAt("coil", 1),
    getDiscreteInput: bitAt("discrete", 2),
    setRegister: (address, value) => { words.holding.writeUInt16BE(value, 2 * heard(address, 6)); },
    setCoil: (address, value) => { bits.coil[heard(address, 5)] = value; },
    setCoilArray: (address, values) => {
        values.forEach((value, k) => { bits.coil[heard(address + k, 15)] = value; });
    },
    setRegisterArray: (address, values) => {
        values.forEach((value, k) => words.holding.writeUInt16BE(value, 2 * heard(address + k, 16)));
    },
};

// The bytes of a number in the named order of words, and back.
function arranged(bytes, order) {
    const laid = Buffer.from(bytes);
    if (order === "BADC" || order === "DCBA") laid.swap16();
    if (order === "ABCD" || order === "BADC") return laid;
    const turned = Buffer.alloc(laid.length);
    for (let k = 0; k < laid.length; k += 2) laid.copy(turned, laid.length - 2 - k, k, k + 2);
    return turned;
}

function told([verb, table, kind, order, at, text]) {
    if (verb === "refuse") { refusing = Number(table); return "ok"; }
    if (verb === "asked") {
        const said = Object.entries(asked).map(([code, count]) => `${code}:${count}`).join(" ");
        asked = {};
        return said;
    }
    const place = Number(at) - FIRST;
    if (table in bits) {
        if (verb === "get") return String(Number(bits[table][place]));
        bits[table][place] = text !== "0";
        return "ok";
    }
    const [name, size] = kinds[kind];
    const here = words[table].subarray(2 * place, 2 * place + size);
    if (verb === "get") return String(arranged(here, order)["read" + name + "BE"](0));
    const number = Buffer.alloc(size);
    number["write" + name + "BE"](name.startsWith("Big") ? BigInt(text) : Number(text), 0);
    arranged(number, order).copy(here);
    return "ok";
}

const port = Number(process.argv[3]);
const server = new ServerTCP(vector, { host: "127.0.0.1", port, unitID: 1 });
server.on("initialized", () => console.log(`ready ${port}`));
server.on("serverError", (error) => { console.error(String(error)); process.exit(1); });
server.on("socketError", () => {});
readline.createInterface({ input: process.stdin })
    .on("line", (line) => console.log(told(line.split(" "))))
    .on("close", () => process.exit(0));
