// An ICP analyser on node-opcua: a LADS device made of the official types of the DI and LADS nodesets.
//
//     node lads_peer.js PORT DIRECTORY [POLICY]
//
// DIRECTORY keeps its certificates: it makes its own, and with a POLICY it takes only clients of trusted/certs. It says "ready PORT",
// then answers each line of its input with one line:
//     get PATH              value of the variable at PATH below the unit, as JSON (browse names without namespace, joined by /)
//     set PATH JSON         let it have a value
//     called                the StartPrograms that arrived, as JSON
//     nameless              results from now on have no DeviceProgramRunId, which is optional
//     finish JSON           the program that runs is over: {"values": {name: number}, "properties": {key: text}}
//     sessions              policy and mode of the channel of each session that there was, as JSON
//     arguments NAME        what a method of the state machine takes and gives: [[name, type, value rank], ...] of each, as JSON
//     numbers PATH          states of the state machine at PATH (or DeviceState) and their official numbers, as JSON
"use strict";

console.log = console.info = console.warn = console.error;          // what the library tells is not for who asks

const fs = require("fs");
const path = require("path");
const readline = require("readline");
const {
    DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, StatusCodes, VariantArrayType, minOPCUADate,
    nodesets, promoteToStateMachine,
} = require("node-opcua");

const [port, directory, policy] = [Number(process.argv[2]), process.argv[3], process.argv[4]];
const NAMESPACES = { di: "http://opcfoundation.org/UA/DI/", lads: "http://opcfoundation.org/UA/LADS/" };
const VENDOR = "urn:lagan:icp-oes";
const ELEMENTS = ["Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co", "TREE"];
const called = [];
const sessions = [];
const say = (text) => process.stdout.write(`${text}\n`);
let running = null;
let nameless = false;

// --- the address space ----------------------------------------------------------------------------------------------------------
function type(space, name) {
    const index = space.getNamespaceIndex(NAMESPACES.lads);
    return space.findObjectType(name, index) || space.findVariableType(name, index);
}

function built(space) {
    const own = space.registerNamespace(VENDOR);
    const named = (name) => ({ name, namespaceIndex: own.index });
    const set = space.rootFolder.objects.getFolderElementByName("DeviceSet", space.getNamespaceIndex(NAMESPACES.di));
    const device = type(space, "LADSDeviceType").instantiate({ browseName: named("ICP"), nodeId: "s=ICP", namespace: own, componentOf: set });
    const unit = type(space, "FunctionalUnitType").instantiate({
        browseName: named("OES"), namespace: own, componentOf: device.functionalUnitSet, optionals: [
            "FunctionSet", "ProgramManager", "FunctionalUnitState.StartProgram", "FunctionalUnitState.Stop", "FunctionalUnitState.Abort",
            "FunctionalUnitState.Clear", "FunctionalUnitState.RunningStateMachine", "ProgramManager.ActiveProgram.DeviceProgramRunId",
            "ProgramManager.ActiveProgram.CurrentRuntime", "ProgramManager.ActiveProgram.CurrentStepName",
        ],
    });
    for (const name of [...ELEMENTS, "Stream", "QC"]) {
        const kind = { Stream: "MultiStateDiscreteSensorFunctionType", QC: "TwoStateDiscreteSensorFunctionType" }[name];
        type(space, kind || "AnalogScalarSensorFunctionType").instantiate({
            browseName: named(name), namespace: own, componentOf: unit.functionSet });
    }
    return { own, named, device, unit };
}

function at(node, names) {
    for (const name of names.split("/")) {
        const next = node.getChildByName(name) || node.getMethods().find((method) => method.browseName.name === name);
        if (!next) throw new Error(`no ${name} below ${node.browseName.toString()}`);
        node = next;
    }
    return node;
}

function put(variable, value, statusCode = StatusCodes.Good) {
    const data = variable.readValue().value;
    const dataType = data.dataType || DataType[variable.getBasicDataType ? variable.getBasicDataType() : 0] || variable.dataTypeNodeId.value;
    const text = dataType === DataType.LocalizedText && typeof value === "string";
    variable.setValueFromSource({ dataType, value: text ? { text: value } : value }, statusCode);
}

// --- the unit ---------------------------------------------------------------------------------------------------------------------
function unitOf(space, { own, named, device, unit }) {
    const state = promoteToStateMachine(unit.functionalUnitState);
    const cycle = promoteToStateMachine(at(unit, "FunctionalUnitState/RunningStateMachine"));
    const results = unit.programManager.resultSet;
    let version = 0;
    const changed = () => put(at(results, "NodeVersion"), String(++version));
    const structures = (name, rows) => rows.map((row) => space.constructExtensionObject(
        space.findDataType(name, space.getNamespaceIndex(NAMESPACES.lads)), row));

    function hold(result, name, dataType, value) {
        const many = Array.isArray(value);
        at(result, name).setValueFromSource({ dataType, value, arrayType: many ? VariantArrayType.Array : VariantArrayType.Scalar });
    }

    function started(template, properties, job, task, samples) {
        const run = `R${called.length}`;
        const result = type(space, "ResultType").instantiate({
            browseName: named(run), namespace: own, componentOf: results, optionals: nameless ? [] : ["DeviceProgramRunId"] });
        hold(result, "SupervisoryJobId", DataType.String, job);
        hold(result, "SupervisoryTaskId", DataType.String, task);
        if (!nameless) hold(result, "DeviceProgramRunId", DataType.String, run);
        hold(result, "ApplicationUri", DataType.String, "");
        hold(result, "User", DataType.String, "");
        hold(result, "Started", DataType.DateTime, new Date());
        hold(result, "Stopped", DataType.DateTime, minOPCUADate);
        hold(result, "Properties", DataType.ExtensionObject, structures("KeyValueType", properties));
        hold(result, "Samples", DataType.ExtensionObject, structures("SampleInfoType", samples));
        put(at(unit, "ProgramManager/ActiveProgram/DeviceProgramRunId"), run);
        state.setState("Running");
        cycle.setState("Execute");
        running = { run, result, properties };
        changed();
        return run;
    }

    function finish({ values, properties }) {
        const { result } = running;
        for (const [name, value] of Object.entries(values)) {
            own.addVariable({
                componentOf: at(result, "VariableSet"), browseName: named(name), dataType: "Double", value: { dataType: DataType.Double, value } });
        }
        const rows = [...running.properties, ...Object.entries(properties).map(([key, value]) => ({ key, value }))];
        hold(result, "Properties", DataType.ExtensionObject, structures("KeyValueType", rows));
        hold(result, "Stopped", DataType.DateTime, new Date());
        running = null;
        changed();
        cycle.setState("Complete");
        state.setState("Stopped");
    }

    function startProgram(inputs, _, callback) {
        const [template, properties, job, task, samples] = inputs.map((input) => input.value);
        called.push({ template, properties, job, task, samples });
        const now = at(unit, "FunctionalUnitState/CurrentState").readValue().value.value.text;
        if (now !== "Stopped") return callback(null, { statusCode: StatusCodes.BadInvalidState });
        const run = { dataType: DataType.String, value: started(template, properties, job, task, samples) };
        return callback(null, { statusCode: StatusCodes.Good, outputArguments: [run] });
    }

    at(unit, "FunctionalUnitState/StartProgram").bindMethod(startProgram);
    for (const [method, after] of [["Stop", "Stopped"], ["Abort", "Aborted"], ["Clear", "Stopped"]]) {
        at(unit, `FunctionalUnitState/${method}`).bindMethod((_, __, callback) => {
            state.setState(after);
            callback(null, { statusCode: StatusCodes.Good });
        });
    }
    for (const [name, text] of [["Manufacturer", "node-opcua"], ["Model", "LADS peer"]]) put(at(device, `Identification/${name}`), text);
    for (const name of ["SerialNumber", "SoftwareRevision"]) {
        const child = device.identification.getChildByName(name);
        if (child) put(child, "1");
    }
    promoteToStateMachine(device.deviceState).setState("Operate");
    state.setState("Stopped");
    cycle.setState("Idle");
    ELEMENTS.forEach((name, k) => put(at(unit, `FunctionSet/${name}/SensorValue`), 1.5 + k));
    put(at(unit, "FunctionSet/QC/SensorValue"), false);
    put(at(unit, "FunctionSet/Stream/SensorValue"), 3);
    put(at(unit, "ProgramManager/ActiveProgram/DeviceProgramRunId"), "");
    put(at(unit, "ProgramManager/ActiveProgram/CurrentRuntime"), 0);
    put(at(unit, "ProgramManager/ActiveProgram/CurrentStepName"), "");
    changed();
    return { finish };
}

// --- the server -------------------------------------------------------------------------------------------------------------------
async function main() {
    const serverCertificateManager = new OPCUACertificateManager({ rootFolder: directory, automaticallyAcceptUnknownCertificate: false });
    await serverCertificateManager.initialize();
    const applicationUri = "urn:peer:icp";
    const certificateFile = path.join(directory, "own/certs/peer.pem");
    if (!fs.existsSync(certificateFile)) {
        await serverCertificateManager.createSelfSignedCertificate({
            applicationUri, dns: ["localhost"], ip: ["127.0.0.1"], outputFile: certificateFile, subject: "/CN=peer", startDate: new Date(),
            validity: 30,
        });
    }
    const server = new OPCUAServer({
        port, hostname: "127.0.0.1", host: "127.0.0.1", serverInfo: { applicationUri }, serverCertificateManager, certificateFile,
        privateKeyFile: serverCertificateManager.privateKey, userCertificateManager: serverCertificateManager,
        securityModes: [policy ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None],
        securityPolicies: [policy ? SecurityPolicy[policy] : SecurityPolicy.None],
        nodeset_filename: [nodesets.standard, nodesets.di, nodesets.ia, nodesets.irdi, nodesets.amb, nodesets.machinery, nodesets.lads],
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const { own, named, device, unit } = built(space);
    const { finish } = unitOf(space, { own, named, device, unit });
    server.on("create_session", ({ channel }) => sessions.push([
        channel.securityPolicy.split("#")[1], MessageSecurityMode[channel.securityMode]]));
    await server.start();
    say(`ready ${port}`);

    function told(line) {
        const [verb, name, ...rest] = line.split(" ");
        if (verb === "get") return JSON.stringify(at(unit, name).readValue().value.value);
        if (verb === "set") put(at(unit, name), JSON.parse(rest.join(" ")));
        else if (verb === "called") return JSON.stringify(called);
        else if (verb === "nameless") nameless = true;
        else if (verb === "sessions") return JSON.stringify(sessions);
        else if (verb === "finish") finish(JSON.parse(line.slice(7)));
        else if (verb === "arguments") {
            const method = at(unit, `FunctionalUnitState/${name}`);
            return JSON.stringify([method.getInputArguments(), method.getOutputArguments()].map((each) => each.map((argument) => [
                argument.name, space.findDataType(argument.dataType).browseName.name, argument.valueRank])));
        } else if (verb === "numbers") {
            const states = promoteToStateMachine(name === "DeviceState" ? device.deviceState : at(unit, name)).getStates();
            return JSON.stringify(Object.fromEntries(states.map((each) => [each.browseName.name, at(each, "StateNumber").readValue().value.value])));
        } else throw new Error(`what is ${line}`);
        return "ok";
    }

    readline.createInterface({ input: process.stdin })
        .on("line", (line) => {
            let said;
            try { said = told(line); } catch (error) { said = `error ${error.message}`; }
            say(said);
        })
        .on("close", () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
