"""What a clock fires and when, as pure functions: thresholds of consumed time become instants once, the sweep only compares.

All spans are microseconds of the clock's own time (business or elapsed); instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handoff.businesstime import MICROSECOND, Calendar, add

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BREACH = "breach"
# Steps that move the hand-off itself. They are handed to the sender as work, as the sweep locks clocks only.
ACTS = frozenset({"reassign", "recycle"})
PAUSE_CAP = "pause_cap"

Plan = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: at `percent` of the target or `after_us` past it, do `action` and tell `audience`."""

    code: str
    action: str
    percent: int | None = None
    after_us: int | None = None
    audience: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    urgent: bool = False
    digest_s: int = 0

    def threshold(self, target_us: int) -> int:
        if self.percent is not None:
            return target_us * self.percent // 100
        return target_us + (self.after_us or 0)


@dataclass(frozen=True, slots=True)
class Ladder:
    """A target of a published policy with its steps, ready to plan with."""

    target_id: int
    kind: str
    clock: str
    calendar_from: str
    duration_us: int
    pause_cap_us: int
    backdate_us: int
    rungs: tuple[Rung, ...]

    def rung(self, code: str) -> Rung | None:
        for rung in self.rungs:
            if rung.code == code:
                return rung
        return None


@dataclass(frozen=True, slots=True)
class Firing:
    """One step that came due: `fired` tells people, `skipped` and `recorded` only leave a trace."""

    code: str
    due_us: int
    outcome: str

    @property
    def due_at(self) -> datetime:
        return from_us(self.due_us)


def to_us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def from_us(position: int) -> datetime:
    return EPOCH + timedelta(microseconds=position)


def plan(
    calendar: Calendar,
    rungs: Iterable[Rung],
    *,
    target_us: int,
    consumed_us: int,
    running_since: datetime,
    done: Collection[str] = (),
) -> Plan:
    """Instants of the steps still to fire, earliest first; a step in `done` never comes again.

    A threshold already consumed (a clock re-planned with less time) is due at `running_since`.
    """
    entries = [
        (to_us(add(calendar, running_since, timedelta(microseconds=max(0, rung.threshold(target_us) - consumed_us)))), rung)
        for rung in rungs
        if rung.code not in done
    ]
    entries.sort(key=lambda entry: (entry[0], entry[1].threshold(target_us), entry[1].code))
    return [(instant, rung.code) for instant, rung in entries]


def due_at(calendar: Calendar, *, target_us: int, consumed_us: int, running_since: datetime) -> datetime:
    """When the target is used up."""
    return add(calendar, running_since, timedelta(microseconds=max(0, target_us - consumed_us)))


def advance(
    entries: Sequence[Sequence[Any]], ladder: Ladder | None, now: datetime, *, by_person: bool = False
) -> tuple[list[Firing], Plan]:
    """Split a plan at `now`: what came due, with its outcome, and what is left.

    Of several steps due at once the last is fired and the others are skipped; the breach is never skipped, and the last act is
    done even when a mere message comes after it. When a person's deed finds steps due (`by_person`), a breach is recorded and
    nobody is told: the deed itself is the news. Raises LookupError for a code the ladder does not know.
    """
    # A promise kept at the very due time is kept: a person's deed comes before what is due at that instant.
    position = to_us(now) - by_person
    split = next((index for index, (instant, _) in enumerate(entries) if instant > position), len(entries))
    due: Plan = [(instant, code) for instant, code in entries[:split]]
    rest: Plan = [(instant, code) for instant, code in entries[split:]]
    if not due:
        return [], rest
    actions = {}
    for _, code in due:
        rung = ladder.rung(code) if ladder else None
        if rung is None and code != PAUSE_CAP:
            raise LookupError(f"unknown step {code!r}")
        actions[code] = rung.action if rung else PAUSE_CAP
    last_act = next((code for _, code in reversed(due) if actions[code] in ACTS), None)
    firings = []
    for index, (instant, code) in enumerate(due):
        if by_person:
            outcome = "recorded" if actions[code] == BREACH else "skipped"
        elif actions[code] == BREACH or code == last_act or index == len(due) - 1:
            outcome = "fired"
        else:
            outcome = "skipped"
        firings.append(Firing(code, instant, outcome))
    return firings, rest
