// An OPC UA client on node-opcua that does as it is told: node opcua_client_peer.js URL DIRECTORY [POLICY]
//
// DIRECTORY keeps its certificates: it makes its own, and with a POLICY it trusts only servers of trusted/certs. It says "ready", then
// answers each line of its input with one line of JSON. A PATH goes from Objects by browse names: di:DeviceSet/icp:ICP.
//     connect               {"refused": why}: null when there is a session
//     browse PATH           [[namespace URI, name, class], ...] of what is below
//     read PATH             {"value", "status", "type"}
//     watch PATH            be told of changes
//     told                  [[PATH, value], ...] that was told so far
//     arguments PATH        [[name, type, value rank], ...] that the method says it takes
//     start JSON            StartProgram with {"template", "properties", "job", "task", "samples"}: {"status", "run"}
//     call NAME             another method of the unit's state machine: {"status"}
//     disconnect
"use strict";

console.log = console.info = console.warn = console.error;          // what the library tells is not for who asks

const fs = require("fs");
const path = require("path");
const readline = require("readline");
const {
    AttributeIds, DataType, MessageSecurityMode, NodeClass, OPCUACertificateManager, OPCUAClient, SecurityPolicy, TimestampsToReturn,
    VariantArrayType, makeBrowsePath, resolveNodeId,
} = require("node-opcua");

const [url, directory, policy] = process.argv.slice(2);
const URIS = {
    di: "http://opcfoundation.org/UA/DI/", lads: "http://opcfoundation.org/UA/LADS/", icp: "urn:lagan:icp-oes",
};
const STATE = "di:DeviceSet/icp:ICP/lads:FunctionalUnitSet/icp:OES/lads:FunctionalUnitState";
const heard = [];
let client, session, subscription, namespaces;

async function connect() {
    const clientCertificateManager = new OPCUACertificateManager({ rootFolder: directory, automaticallyAcceptUnknownCertificate: false });
    await clientCertificateManager.initialize();
    const certificateFile = path.join(directory, "own/certs/peer.pem");
    if (!fs.existsSync(certificateFile)) {
        await clientCertificateManager.createSelfSignedCertificate({
            applicationUri: "urn:peer:client", dns: ["localhost"], outputFile: certificateFile, subject: "/CN=peer client",
            startDate: new Date(), validity: 30,
        });
    }
    client = OPCUAClient.create({
        applicationUri: "urn:peer:client", clientCertificateManager, certificateFile, privateKeyFile: clientCertificateManager.privateKey,
        connectionStrategy: { maxRetry: 0, initialDelay: 100 }, endpointMustExist: false,
        securityMode: policy ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None,
        securityPolicy: policy ? SecurityPolicy[policy] : SecurityPolicy.None,
    });
    try {
        await client.connect(url);
        session = await client.createSession();
        namespaces = await session.readNamespaceArray();
        return { refused: null };
    } catch (error) {
        await client.disconnect().catch(() => {});
        return { refused: error.message };
    }
}

async function found(where) {
    if (!where) return resolveNodeId("ObjectsFolder");
    const names = where.split("/").map((part) => {
        const [key, name] = part.includes(":") ? part.split(":") : ["", part];
        return `${key ? namespaces.indexOf(URIS[key]) : 0}:${name}`;
    });
    const result = await session.translateBrowsePath(makeBrowsePath("ObjectsFolder", `/${names.join("/")}`));
    if (!result.targets || result.targets.length !== 1) throw new Error(`${where}: ${result.statusCode.name}`);
    return result.targets[0].targetId;
}

async function browse(where) {
    const result = await session.browse(await found(where));
    return result.references.filter((each) => each.isForward && each.nodeClass !== NodeClass.ObjectType && each.nodeClass !== NodeClass.VariableType)
        .map((each) => [namespaces[each.browseName.namespaceIndex], each.browseName.name, NodeClass[each.nodeClass]]);
}

async function read(where) {
    const data = await session.read({ nodeId: await found(where), attributeId: AttributeIds.Value });
    return { value: data.value.value, status: data.statusCode.value, type: DataType[data.value.dataType] };
}

async function watch(where) {
    if (!subscription) {
        subscription = await session.createSubscription2({
            requestedPublishingInterval: 100, requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10, publishingEnabled: true });
    }
    const item = await subscription.monitor(
        { nodeId: await found(where), attributeId: AttributeIds.Value }, { samplingInterval: 0, queueSize: 100 }, TimestampsToReturn.Both);
    item.on("changed", (data) => heard.push([where, data.value.value]));
    return null;
}

async function argumentsOf(where) {
    const data = await session.read({ nodeId: await found(`${where}/InputArguments`), attributeId: AttributeIds.Value });
    return Promise.all(data.value.value.map(async ({ name, dataType, valueRank }) => {
        const kind = await session.read({ nodeId: dataType, attributeId: AttributeIds.BrowseName });
        return [name, kind.value.value.name, valueRank];
    }));
}

// The structures are made by what the server itself says of them: their fields are read from its data types.
async function structures(name, rows) {
    const types = `0:Types/0:DataTypes/0:BaseDataType/0:Structure`;
    const result = await session.translateBrowsePath(makeBrowsePath("RootFolder", `/${types}<HasSubtype>${namespaces.indexOf(URIS.lads)}:${name}`));
    if (!result.targets || result.targets.length !== 1) throw new Error(`no data type ${name}: ${result.statusCode.name}`);
    const value = [];
    for (const row of rows) value.push(await session.constructExtensionObject(result.targets[0].targetId, row));
    return { dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value };
}

async function start({ template, properties, job, task, samples }) {
    const text = (value) => ({ dataType: DataType.String, value });
    const result = await session.call({
        objectId: await found(STATE), methodId: await found(`${STATE}/lads:StartProgram`),
        inputArguments: [text(template), await structures("KeyValueType", properties), text(job), text(task), await structures("SampleInfoType", samples)],
    });
    return { status: result.statusCode.value, run: result.outputArguments?.[0]?.value ?? null };
}

async function call(name) {
    const result = await session.call({ objectId: await found(STATE), methodId: await found(`${STATE}/lads:${name}`), inputArguments: [] });
    return { status: result.statusCode.value };
}

async function disconnect() {
    await session.close();
    await client.disconnect();
    return null;
}

const verbs = { connect, browse, read, watch, told: async () => heard, arguments: argumentsOf, call, disconnect,
    start: async (text) => start(JSON.parse(text)) };
let last = Promise.resolve();
readline.createInterface({ input: process.stdin })
    .on("line", (line) => {
        const [verb, rest] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
        last = last.then(() => verbs[verb](line.includes(" ") ? rest : "")).then(JSON.stringify, (error) => `error ${error.message}`)
            .then((said) => process.stdout.write(`${said}\n`));
    })
    .on("close", () => process.exit(0));
process.stdout.write("ready\n");
