"""The ``lagan`` command. Exit codes: 0 done, 1 it did not work, 2 what was given is wrong, 130 interrupted."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

KINDS = ["float32", "float64", "int16", "int32", "int64", "uint16", "uint32", "uint64"]

POLICIES = ["Aes256_Sha256_RsaPss", "Aes128_Sha256_RsaOaep", "Basic256Sha256", "none"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if not hasattr(given, "run"):
        parser.print_help()
        return 2
    module, _, function = given.run.partition(":")
    try:
        return int(getattr(importlib.import_module(f"gateway.commands.{module}"), function)(given) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lagan", description="Plant control and instrumentation gateway. No safety instrumented system.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _look(commands)
    _plant(commands)
    _trials(commands)
    _operate(commands)
    _tuning(commands)
    _matrix(commands)
    _records(commands)
    _commission(commands)
    _opcua(commands)
    _checks(commands)
    return parser


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", type=Path, help="folder of the configuration (default: the Belfast line)")


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), help="data directory of the plant process (default: data)")


def _look(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="check a configuration: print the plant, or every fault (exit 2)")
    _config(check)
    check.add_argument("--json", action="store_true")
    check.set_defaults(run="look:check")
    devices = commands.add_parser("devices", help="list the instruments known, or print one's register table")
    devices.add_argument("name", nargs="?")
    devices.add_argument("--json", action="store_true")
    devices.add_argument("--yaml", action="store_true", help="as an instrument file of the configuration")
    devices.add_argument("--config", type=Path, help="folder of a configuration, for the instruments described there")
    devices.set_defaults(run="look:devices")


def _plant(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="the plant process: scan, links, batches, records")
    _config(run)
    _data(run)
    run.add_argument("--read-only", action="store_true", help="commissioning: nothing is ever written to a device")
    run.add_argument("--lockstep", type=Path, help=argparse.SUPPRESS)
    run.set_defaults(run="plant:run")
    sim = commands.add_parser("sim", help="serve the simulated line on loopback")
    _config(sim)
    sim.add_argument("--seed", type=int)
    sim.add_argument("--speed", type=float, default=0.0, help="with --lockstep: at most so many times real time (0: as fast as it goes)")
    sim.add_argument("--people", type=Path, help="Unix socket of the simulated people (tip a lot, set a fault)")
    sim.add_argument("--pki", type=Path, default=Path("sim-pki"), help="certificates of a secured OPC UA server (default: sim-pki)")
    sim.add_argument("--lockstep", type=Path, help=argparse.SUPPRESS)
    sim.add_argument("--from", dest="snapshot", type=Path, metavar="FILE", help="go on from a saved line (a pickle: only your own)")
    sim.set_defaults(run="plant:sim")
    people = commands.add_parser("people", help="tell the people around a simulated line to break something, tip a lot, say the truth")
    people.add_argument("socket", type=Path, help="the socket that `lagan sim --people` serves")
    people.add_argument("word", choices=["set", "get", "tip", "begin", "truth", "devices", "checks"])
    people.add_argument("about", nargs="*", metavar="NAME=VALUE", help="variable=K-301.trip value=1; lot=ID mass_kg=80; unit=R-101")
    people.set_defaults(run="plant:people")
    for name, text in (
        ("demo", "simulated line and plant process as two processes over sockets, one batch to COMPLETE"),
        ("rehearse", "one batch on the stepped plant: no sockets, much faster than real time"),
    ):
        made = commands.add_parser(name, help=text)
        _config(made)
        made.add_argument("--recipe", default="LEACH-NDFEB-SEL")
        made.add_argument("--lot", type=str, default="DNAL-2026-0147", help="lot id, or file of a lot")
        made.add_argument("--unit", default="R-101")
        made.add_argument("--seed", type=int)
        made.add_argument("--data", type=Path)
        made.add_argument("--json", action="store_true", help="end with one JSON object")
        made.set_defaults(run=f"{'demo' if name == 'demo' else 'rehearse'}:{name}")
        if name == "demo":
            made.add_argument("--speed", type=float, default=0.0, help="times real time; 1 is live, 0 as fast as it goes (default)")


def _trials(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    trials = commands.add_parser("trials", help="put the closed loops of the simulated line to the test")
    _config(trials)
    parts = ["heat-up", "ageing", "hydrogen", "disturbances"]
    trials.add_argument("--only", action="append", choices=parts, help="this one (may be repeated)")
    trials.add_argument("--seed", type=int)
    trials.add_argument("--out", type=Path, help="write the page to a file")
    trials.add_argument("--json", action="store_true")
    trials.set_defaults(run="trials:trials")


def _operate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    batch = commands.add_parser("batch", help="start and steer batches; list, show and report their records")
    verbs = batch.add_subparsers(metavar="VERB", required=True)
    start = verbs.add_parser("start", help="start a batch")
    start.add_argument("batch")
    start.add_argument("--recipe", required=True)
    start.add_argument("--lot", required=True)
    start.add_argument("--unit", default="R-101")
    start.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a formula value within its range")
    _common(start, "operate:start")
    for verb in ("hold", "restart", "stop", "abort"):
        made = verbs.add_parser(verb, help=f"{verb} a batch")
        made.add_argument("batch")
        made.set_defaults(verb=verb)
        _common(made, "operate:batch")
    answer = verbs.add_parser("answer", help="answer a prompt of a batch")
    answer.add_argument("batch")
    answer.add_argument("prompt")
    answer.add_argument("answer")
    _common(answer, "operate:answer")
    for verb, text in (
        ("list", "all batches in the journal"),
        ("show", "one batch record as JSON"),
        ("report", "one batch record as an HTML page"),
    ):
        made = verbs.add_parser(verb, help=text)
        if verb != "list":
            made.add_argument("batch")
        if verb == "report":
            made.add_argument("--out", type=Path, help="file to write (default: BATCH.html in the data directory)")
        _config_option(made)
        _data(made)
        made.add_argument("--json", action="store_true")
        made.set_defaults(run=f"records:batch_{verb}")
    _orders(commands)


def _orders(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser("explain", help="why a tag, loop or interlock is what it is; of a unit what stands or is suspended")
    explain.add_argument("tag")
    explain.add_argument("--json", action="store_true")
    _common(explain, "operate:explain")
    status = commands.add_parser("status", help="what the plant process is doing")
    status.add_argument("--json", action="store_true")
    _common(status, "operate:status")
    links = commands.add_parser("links", help="how every link and device does: state, answers, what is asked, last error")
    links.add_argument("--json", action="store_true")
    links.add_argument("--plan", metavar="DEVICE", help="what this device is asked for now, as learnt from what it refused, as YAML")
    _common(links, "operate:links")
    interlock = commands.add_parser("interlock", help="reset, bypass or un-bypass an interlock")
    interlock.add_argument("verb", choices=["reset", "bypass", "unbypass"])
    interlock.add_argument("target")
    interlock.add_argument("--minutes", type=float, default=60.0)
    _common(interlock, "operate:interlock")
    loop = commands.add_parser("loop", help="set a loop's mode, setpoint or output")
    loop.add_argument("target")
    loop.add_argument("mode", choices=["MANUAL", "AUTO", "CASCADE"])
    loop.add_argument("--sp", type=float)
    loop.add_argument("--out", type=float)
    _common(loop, "operate:loop")
    output = commands.add_parser("output", help="set an output by hand")
    output.add_argument("target")
    output.add_argument("value", type=float)
    _common(output, "operate:output")
    _alarms(commands)


def _alarms(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    alarm = commands.add_parser("alarm", help="acknowledge, reset, shelve alarms, take them out of service and back")
    alarm.add_argument("verb", choices=["ack", "reset", "shelve", "unshelve", "disable", "enable"])
    alarm.add_argument("target", nargs="*", metavar="ALARM")
    alarm.add_argument("--unit", help="with ack: everything that the unit shows now")
    alarm.add_argument("--minutes", type=float, default=60.0, help="of a shelving, at most 720 (default: 60)")
    _common(alarm, "alarms:alarm")
    alarms = commands.add_parser("alarms", help="the list of alarms, the worst first; --kpi: how well the alarms do, from the journal")
    alarms.add_argument("--unit", help="only those of one unit")
    alarms.add_argument("--kpi", action="store_true", help="figures from the journal, beside their targets")
    alarms.add_argument("--from", dest="start", metavar="TIME", help="with --kpi: from then, UTC (default: the first entry)")
    alarms.add_argument("--to", dest="end", metavar="TIME", help="with --kpi: until then (default: the last entry)")
    alarms.add_argument("--json", action="store_true")
    _common(alarms, "alarms:show")


def _tuning(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    loops = commands.add_parser("loops", help="how every loop does: mode, deviation, in limits, saturated, travel, swinging")
    loops.add_argument("--json", action="store_true")
    _common(loops, "operate:loops")
    tune = commands.add_parser("tune", help="a model of a loop's process from its history or a relay experiment, and tunings that follow")
    tune.add_argument("loop", metavar="LOOP")
    tune.add_argument("--history", nargs=2, metavar=("FROM", "TO"),
                      help="UTC: 2026-01-01T06:00 2026-01-01T06:40")
    tune.add_argument("--minutes", type=float, default=60.0, help="without --history: so many minutes up to the last sample (default: 60)")
    tune.add_argument("--last", action="store_true", help="the record of the loop's last relay experiment")
    relay = tune.add_argument_group("relay experiment")
    relay.add_argument("--relay", action="store_true", help="swing the output and watch; ends by itself")
    relay.add_argument("--amplitude", type=float, help="up and down by this, in units of the output")
    relay.add_argument("--hysteresis", type=float, help="of the switching, in units of the pv: three times its noise")
    relay.add_argument("--pv-low", type=float, help="below this pv it ends")
    relay.add_argument("--pv-high", type=float, help="above this pv it ends")
    relay.add_argument("--longest", type=float, default=3600.0, metavar="S", help="seconds after which it ends (default: 3600)")
    relay.add_argument("--abort", action="store_true", help="end the experiment that runs")
    tune.add_argument("--accept", metavar="RULE", choices=["simc", "gentle", "amigo-pi", "amigo-pid", "configured"],
                      help="work with this tuning from now on; needs --why")
    tune.add_argument("--svg", type=Path, metavar="FILE", help="draw record and model")
    tune.add_argument("--json", action="store_true")
    _config_option(tune)
    _common(tune, "tune:run")


def _matrix(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    matrix = commands.add_parser("matrix", help="the cause-and-effect matrix: on the terminal, or as a page to print and sign")
    _config(matrix)
    matrix.add_argument("--unit", help="only the rows of this unit")
    matrix.add_argument("--html", type=Path, metavar="FILE", help="write a page: A3 landscape, one unit a sheet, with room to sign")
    matrix.add_argument("--json", action="store_true")
    matrix.set_defaults(run="matrix:run")
    force = commands.add_parser("force", help="force a reading or hold an output for a time; without a tag: what is forced, what bypassed")
    force.add_argument("tag", nargs="?")
    force.add_argument("value", nargs="?", type=float)
    force.add_argument("--minutes", type=float, default=60.0, help="how long (default: 60)")
    force.add_argument("--end", metavar="TAG", help="end a force before its time")
    force.add_argument("--json", action="store_true")
    _common(force, "force:run")


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="folder of the configuration (default: the Belfast line)")


def _common(parser: argparse.ArgumentParser, run: str) -> None:
    """What every command to the running plant process takes."""
    _data(parser)
    parser.add_argument("--who", default="", help="your name for the record (default: your login)")
    parser.add_argument("--why", default="", help="your reason for the record")
    parser.add_argument("--key", default="", help="idempotency key: the same key is carried out once")
    parser.set_defaults(run=run)


def _records(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = commands.add_parser("record", help="verify a journal")
    verbs = record.add_subparsers(metavar="VERB", required=True)
    verify = verbs.add_parser("verify", help="check the hash chain and the anchor; exit 1 at the first fault")
    verify.add_argument("directory", type=Path)
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run="records:verify")


def _commission(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    modbus = commands.add_parser("modbus", help="commissioning: scan, identify, read, write, map, decode Modbus TCP")
    verbs = modbus.add_subparsers(metavar="VERB", required=True)
    scan = verbs.add_parser("scan", help="which units answer at an address")
    scan.add_argument("address", metavar="HOST[:PORT]")
    scan.add_argument("--units", default="1-32", help="range of unit ids (default: 1-32)")
    scan.add_argument("--json", action="store_true")
    identify = verbs.add_parser("identify", help="what a device says of itself (function 43/14)")
    read = verbs.add_parser("read", help="read registers or bits and show what they may mean")
    write = verbs.add_parser("write", help="write registers or coils; a dry run unless --yes")
    found = verbs.add_parser("map", help="find which registers answer")
    for made in (identify, read, write, found):
        made.add_argument("target", metavar="TARGET", help="HOST[:PORT]/UNIT, or a device of the configuration")
        _config_option(made)
    for made, tables in ((read, ["coil", "discrete", "holding", "input"]), (write, ["coil", "holding"]), (found, ["holding", "input"])):
        made.add_argument("table", choices=tables)
        made.add_argument("first", type=int, metavar="ADDRESS", help="zero-based, as on the wire")
    read.add_argument("count", type=int, nargs="?", default=1)
    write.add_argument("values", type=float, nargs="+", metavar="VALUE")
    write.add_argument("--as", dest="kind", default="uint16", help="kind of the values (default: uint16)", choices=KINDS)
    write.add_argument("--order", default="ABCD", choices=["ABCD", "CDAB", "BADC", "DCBA"])
    write.add_argument("--multiple", action="store_true", help="function 16 also for one register")
    write.add_argument("--mask", type=lambda text: int(text, 0), metavar="BITS",
                       help="function 22: only these bits of the register, which are put to VALUE's (0x0010)")
    write.add_argument("--read-back", action="store_true", help="function 23: written and read in one request")
    write.add_argument("--yes", action="store_true", help="really send it")
    _data(write)
    found.add_argument("last", type=int, metavar="LAST")
    found.add_argument("--draft", metavar="NAME", help="print an instrument file to begin from")
    probe = commands.add_parser("probe", help="commissioning: prove every point of a device's profile against the device itself")
    probe.add_argument("device", help="a device of the configuration")
    probe.add_argument("--expect", action="append", default=[], metavar="POINT=VALUE", help="what the device's own display shows")
    probe.add_argument("--timeout-ms", type=int, default=500)
    probe.add_argument("--json", action="store_true")
    _config_option(probe)
    _data(probe)
    probe.set_defaults(run="probe:run")
    check = commands.add_parser("loopcheck", help="commissioning: a sheet of every input and output, and what proves it")
    check.add_argument("--all", action="store_true", help="print every point, not only those that are not proved")
    check.add_argument("--out", type=Path, help="write the sheet as CSV")
    check.add_argument("--output", metavar="TAG", help="move this output and see its read-back follow; a dry run unless --yes")
    check.add_argument("--value", type=float, default=1.0, help="where to (default: 1)")
    check.add_argument("--yes", action="store_true", help="really command it")
    _config_option(check)
    _common(check, "loopcheck:run")
    decode = verbs.add_parser("decode", help="what registers in hexadecimal may mean, without a device")
    decode.add_argument("hex", nargs="+")
    for verb, made in (("scan", scan), ("identify", identify), ("read", read), ("write", write), ("map", found), ("decode", decode)):
        made.add_argument("--timeout-ms", type=int, default=500, help="of each question (default: 500)")
        made.set_defaults(run="modbus:run", verb=verb)


def _checks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    checks = commands.add_parser("checks", help="calibrations and proof tests: last, result, due, what they block")
    checks.add_argument("--due", action="store_true", help="only those that are not valid, or will soon be due")
    checks.add_argument("--json", action="store_true")
    _common(checks, "checks:checks")
    made = commands.add_parser("calibrate", help="write down a calibration or proof test; figures and verdict are computed")
    made.add_argument("check", nargs="?", help="as lagan checks names it: R-101.ph")
    made.add_argument("--reference", default="", metavar="VALUES", help="what was applied: 4.00,7.00,25 or NAME=VALUE,...")
    made.add_argument("--as-found", metavar="VALUES", help="what was shown before anything was adjusted")
    made.add_argument("--as-left", metavar="VALUES", help="what was shown after adjustment, if there was one")
    made.add_argument("--certificate", default="", help="which buffers, gas, weight or control sample")
    made.add_argument("--method", default="", help="how it was done, or which procedure")
    made.add_argument("--corrects", type=int, default=0, metavar="N", help="an earlier record that was wrong, whose place this one takes")
    made.add_argument("--from", dest="file", type=Path, metavar="FILE", help="all records of a JSON file instead")
    _common(made, "checks:calibrate")


def _opcua(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    opcua = commands.add_parser("opcua", help="OPC UA: whom to trust; browse, read and subscribe at commissioning")
    verbs = opcua.add_subparsers(metavar="VERB", required=True)
    trust = verbs.add_parser("trust", help="approve the certificates of servers").add_subparsers(metavar="VERB", required=True)
    for verb, text in (
        ("list", "our own certificate, those trusted, those that wait for approval"),
        ("add", "trust a rejected certificate, or one in a file"),
        ("remove", "trust a certificate no longer"),
    ):
        made = trust.add_parser(verb, help=text)
        if verb == "list":
            made.add_argument("--json", action="store_true")
        else:
            made.add_argument("which", metavar="NAME", help="beginning of its file name or fingerprint; to add also a file")
        _data(made)
        made.set_defaults(run="opcua:trust", verb=verb)
    browse = verbs.add_parser("browse", help="what is below a node")
    read = verbs.add_parser("read", help="what nodes say now")
    subscribe = verbs.add_parser("subscribe", help="print changes until interrupted")
    for verb, made in (("browse", browse), ("read", read), ("subscribe", subscribe)):
        made.add_argument("target", metavar="TARGET", help="opc.tcp://HOST:PORT, or a device of the configuration")
        _config_option(made)
        _data(made)
        made.add_argument("--policy", default="Aes256_Sha256_RsaPss", choices=POLICIES, help="of a URL (default: Aes256_Sha256_RsaPss)")
        made.add_argument("--mode", default="SignAndEncrypt", choices=["SignAndEncrypt", "Sign"])
        made.add_argument("--user", default="")
        made.add_argument("--password-env", default="", metavar="NAME", help="environment variable with the user's password")
        made.add_argument("--timeout-ms", type=int, default=4000)
        made.add_argument("--json", action="store_true")
        made.set_defaults(run="opcua:run", verb=verb)
    browse.add_argument("path", nargs="?", default="/", help="/Path/From/Objects or a node id (default: /)")
    for made in (read, subscribe):
        made.add_argument("nodes", nargs="+", metavar="NODE",
                          help="node id, /Path/From/Objects, or a name of the device's profile; to subscribe to events: @events")
    subscribe.add_argument("--period", type=float, default=1.0, help="seconds (default: 1)")
    subscribe.add_argument("--count", type=int, default=0, help="end after so many changes (default: never)")


if __name__ == "__main__":
    sys.exit(main())
