"""What makes a row an alarm: somebody can act, its deadband fits its condition, its first-out group has others in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.scope import Scope, condition
from gateway.control.conditions import ConditionError, Expression, compile_set, parse
from gateway.control.deadband import beyond

_NOTHING = re.compile(
    r"(none|nothing|nil|no|n/?a|tbd|\?+|-+|\.+)|(no|without) (action|response|reaction)( (is )?(needed|required|necessary))?"
    r"|(nothing|none) (to do|to be done|(is )?(needed|required|necessary))|not (applicable|needed|required)"
    r"|(just |only )?(be aware|information|info)|for information( only)?|acknowledge( (it|the alarm))?"
    r"|(just |only )?(log|note|record)( it)?"
)


def actions(draft: Draft) -> Iterator[Fault]:
    """What a person does about it; where he does nothing there is no alarm. Source: ANSI/ISA-18.2-2016, 3.1 "alarm"."""
    for name, alarm in draft.alarms.items():
        said = " ".join(alarm.action.split())
        if len(said) < 4 or _NOTHING.fullmatch(said.lower().rstrip(".!")):
            yield draft.fault(
                ("alarms", name, "action"),
                f"{alarm.action!r}: what asks for no action is an event, not an alarm. Take the row out: values are in the history, "
                "what devices, batches and people do is in the journal without a row",
            )


def deadbands(draft: Draft) -> Iterator[Fault]:
    """A deadband stands beside one comparison, in a unit that fits it; every other condition clears by ``clear_when``."""
    for name, alarm in draft.alarms.items():
        for key in ("deadband", "clear_when"):
            if alarm.of is not None and getattr(alarm, key) is not None:
                yield draft.fault(("alarms", name, key), f"has no meaning for a row about a {alarm.of}; give off_delay_s")
        if alarm.of is not None:
            continue
        if alarm.deadband is not None and alarm.clear_when is not None:
            yield draft.fault(("alarms", name, "clear_when"), "stands beside deadband; one of them says when it goes")
        if alarm.deadband is not None:
            yield from _deadband(draft, name, alarm.unit, alarm.when, alarm.deadband)
        if alarm.clear_when is not None:
            yield from condition(Scope(draft, alarm.unit), ("alarms", name, "clear_when"), alarm.clear_when)


def _deadband(draft: Draft, name: str, unit: str | None, when: str, deadband: str) -> Iterator[Fault]:
    scope = Scope(draft, unit)
    try:
        tree = parse(when)
    except ConditionError:
        return                                  # told of ``when``
    if any(scope.measure(each) is None or scope.doubtful(each) for each in tree.names):
        return
    try:
        tree.check(scope.measure)
    except ConditionError:
        return
    try:
        stays = beyond(tree, deadband)
        stays.check(scope.measure)
    except ConditionError as error:
        yield draft.fault(("alarms", name, "deadband"), f"{deadband!r} beside {when!r}: {error.message}")
        return
    if (span := _for_ever(scope, stays)) is not None:
        says = f"{deadband!r} beside {when!r}: nothing within {span[0]:g}..{span[1]:g} would end it"
        yield draft.fault(("alarms", name, "deadband"), says)


def _for_ever(scope: Scope, stays: Expression) -> tuple[float, float] | None:
    """The range of the only tag of a condition where no value in it ends the condition; None where one does, or nobody can say."""
    tags = {tag for name in stays.names if (tag := scope.tag(name))}
    if len(tags) != 1:
        return None
    tag = tags.pop()
    model = scope.draft.tags.get(tag) or scope.draft.derived.get(tag)
    if model is None or model.range is None:
        return None
    source = stays.source(lambda name: 0 if scope.tag(name) else scope.figure(name), scope.measure)
    evaluate = compile_set([source])
    return model.range if all(evaluate([end], [0])[0] for end in model.range) else None


def groups(draft: Draft) -> Iterator[Fault]:
    """The first of one is no news."""
    members = Counter(alarm.first_out_group for alarm in draft.alarms.values() if alarm.group)
    for name, alarm in draft.alarms.items():
        if alarm.group and members[alarm.first_out_group] == 1:
            others = {other.group for other in draft.alarms.values() if other.group and other.group != alarm.group}
            says = f"{alarm.first_out_group!r} has this alarm alone; the first of a group is told"
            yield draft.fault(("alarms", name, "group"), says, (), draft.near(alarm.group, others))


CHECKS = (actions, deadbands, groups)
