"""Cause and effect, and alarms: readable causes, outputs as effects, signals fast enough for what they protect."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.checks.outputs import in_range
from gateway.config.checks.tags import period_s
from gateway.config.checks.votes import parsed
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Interlock, Tag
from gateway.config.scope import Scope, condition
from gateway.control.comms import FACTS
from gateway.control.conditions import ConditionError, parse


def standing(draft: Draft) -> Iterator[Fault]:
    """A row stands at a unit that exists; what holds a unit has one."""
    for section in ("interlocks", "alarms"):
        for name, row in draft.section(section).items():
            if row.unit is not None and not draft.exists("units", row.unit):
                yield draft.unknown((section, name, "unit"), row.unit, draft.declared["units"], "unit")
    for name, alarm in draft.alarms.items():
        if (alarm.of is None) != (alarm.where is None):
            yield draft.fault(("alarms", name, "of"), "of and where belong together: which link or device is it about?")
        elif alarm.of in ("link", "device") and alarm.where is not None and not draft.exists(f"{alarm.of}s", alarm.where):
            yield draft.unknown(("alarms", name, "where"), alarm.where, draft.declared[f"{alarm.of}s"], alarm.of)
    for name, row in draft.interlocks.items():
        if row.unit is None and row.hold == "unit":
            yield draft.fault(("interlocks", name), "hold: unit, but the row has no unit or class", ("all", "none"))


def causes(draft: Draft) -> Iterator[Fault]:
    """Causes and alarm conditions can be read and decided."""
    for name, row in draft.interlocks.items():
        yield from condition(Scope(draft, row.unit), ("interlocks", name, "cause"), row.cause)
        if row.reset is not None:
            yield from _reset(draft, ("interlocks", name, "reset"), row)
    for name, alarm in draft.alarms.items():
        scope = Scope(draft, alarm.unit)
        if alarm.of is None:
            yield from condition(scope, ("alarms", name, "when"), alarm.when)
        elif alarm.when not in FACTS[alarm.of]:
            yield draft.unknown(("alarms", name, "when"), alarm.when, FACTS[alarm.of], f"cause of a {alarm.of}")
        if alarm.suppressed_when is not None:
            yield from condition(scope, ("alarms", name, "suppressed_when"), alarm.suppressed_when)


def _reset(draft: Draft, path: tuple[str, ...], row: Interlock) -> Iterator[Fault]:
    """What a reset waits for belongs to a row that latches, and can be decided from values alone."""
    if row.permissive or not row.latch:
        yield draft.fault(path, "the row never latches, so nobody resets it")
    assert row.reset is not None
    yield from condition(Scope(draft, row.unit), path, row.reset)
    if (found := parsed(row.reset)) is not None and found.doubted:
        yield draft.fault(path, "u(...) is not known where a reset is asked for; compare the value")


def effects(draft: Draft) -> Iterator[Fault]:
    """Effects force outputs, to a value they can take, to their safe side."""
    for name, row in draft.interlocks.items():
        scope = Scope(draft, row.unit)
        if not row.effects:
            yield draft.fault(("interlocks", name, "effects"), "no effect; what moves nothing is an alarm")
        for role, value in row.effects.items():
            path = ("interlocks", name, "effects", role)
            target = scope.tag(role)
            if target is None:
                if not scope.doubtful(role):
                    yield draft.unknown(path, role, scope.known(), "output")
            elif target in draft.tags:
                yield from _effect(draft, path, role, draft.tags[target], value)
            elif target not in draft.value_names():
                continue
            elif target in draft.derived:
                yield draft.fault(path, f"{role} is computed, not an output")


def _effect(draft: Draft, path: tuple[str, ...], role: str, tag: Tag, value: float) -> Iterator[Fault]:
    if tag.output is None:
        yield draft.fault(path, f"{role} is an input; only outputs are forced")
        return
    low, high = tag.range or (0.0, 1.0)
    if not low <= value <= high:
        yield draft.fault(path, f"{value:g} {tag.unit} outside {low:g}..{high:g}")
    elif tag.output.safe != "hold" and in_range(tag) and value != tag.output.safe:
        yield draft.fault(path, f"forces {value:g}, but {role} is safe at {tag.output.safe:g}")


def in_time(draft: Draft) -> Iterator[Fault]:
    """What a trip looks at is scanned at the trip rate, four times and more within the process safety time, and turns Bad within it."""
    strictest: dict[str, tuple[str, Interlock]] = {}
    for name, row in draft.interlocks.items():
        if row.permissive:
            continue
        if row.delay_s > row.safety_time_s:
            says = f"{row.delay_s:g} s is longer than the process safety time of {row.safety_time_s:g} s"
            yield draft.fault(("interlocks", name, "delay_s"), says)
        for tag in _looks_at(draft, row):
            if tag not in strictest or row.safety_time_s < strictest[tag][1].safety_time_s:
                strictest[tag] = (name, row)
    for tag, (name, row) in strictest.items():
        yield from _fast_enough(draft, name, row, tag)


def _fast_enough(draft: Draft, name: str, row: Interlock, tag_name: str) -> Iterator[Fault]:
    tag = draft.tags.get(tag_name)
    if tag is None or tag.internal is not None:
        return
    slow, quarter = period_s(draft, tag.scan), row.safety_time_s / 4
    if tag.scan != "trip":
        says = f"'{tag.scan}' ({slow:g} s): what a trip looks at ({name}) is scanned at the trip rate"
        yield draft.fault(("tags", tag_name, "scan"), says, ("trip",))
    elif slow > quarter:
        says = f"'trip' ({slow:g} s) is too slow for trip {name}: a quarter of its safety time is {quarter:g} s"
        yield draft.fault(("tags", tag_name, "scan"), says)
    if tag.max_age_s > row.safety_time_s:
        yield draft.fault(
            ("tags", tag_name, "max_age_s"),
            f"{tag.max_age_s:g} s is above the process safety time of trip {name} ({row.safety_time_s:g} s)",
        )


def _looks_at(draft: Draft, row: Interlock) -> set[str]:
    """Tags behind a cause, through derived tags to what is measured."""
    try:
        names = parse(row.cause).names
    except ConditionError:
        return set()
    scope = Scope(draft, row.unit)
    found = {tag for name in names if (tag := scope.tag(name))}
    for _ in range(4):
        made = {name for name in found if name in draft.derived}
        if not made:
            break
        found = (found - made) | {used for name in made for used in _made_of(draft, name)}
    return found


def _made_of(draft: Draft, name: str) -> set[str]:
    try:
        return set(parse(draft.derived[name].of).names)
    except ConditionError:
        return set()


TEXTS = {"interlocks": ("description", "consequence", "action"), "alarms": ("cause", "consequence")}   # what is done: checks.alarms


def words(draft: Draft) -> Iterator[Fault]:
    """A row says why it matters and what to do; blank is not an answer."""
    for section, keys in TEXTS.items():
        for name, row in draft.section(section).items():
            for key in keys:
                if len(getattr(row, key).strip()) < 4:
                    yield draft.fault((section, name, key), f"{getattr(row, key)!r}; the operator needs a sentence")


def answerable(draft: Draft) -> Iterator[Fault]:
    """An alarm leaves time to act after its delay, and a critical one does not leave an hour."""
    for name, alarm in draft.alarms.items():
        if alarm.on_delay_s >= alarm.response_min * 60:
            yield draft.fault(
                ("alarms", name, "on_delay_s"), f"{alarm.on_delay_s:g} s is all of the {alarm.response_min:g} min the operator has"
            )
        if alarm.priority == "critical" and alarm.response_min > 15:
            yield draft.fault(("alarms", name, "response_min"), f"{alarm.response_min:g} min; a critical alarm is answered within 15")


def no_row_twice(draft: Draft) -> Iterator[Fault]:
    """Two rows with the same cause and the same effects are one row written twice."""
    seen: dict[tuple[object, ...], str] = {}
    for name, row in draft.interlocks.items():
        key = (row.unit, row.cause, tuple(sorted(row.effects.items())), row.permissive)
        first = seen.setdefault(key, name)
        if first != name:
            yield draft.fault(("interlocks", name), f"has cause and effects of {first}")


CHECKS = (standing, causes, effects, in_time, words, answerable, no_row_twice)
