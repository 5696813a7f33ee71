"""Policies and calendars as one act needs them: each read once, at most, and only when asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from handoff.businesstime import ELAPSED, Calendar
from handoff.ladder import Ladder, Rung
from handoff.models import CalendarDay, Rep, SlaPolicy, SlaStep, SlaTarget, WorkCalendar
from handoff.policyscope import Choice, Facts, Names, matched_words, unmet
from leads.errors import Invalid

STANDARD = SlaPolicy.FALLBACK


class PolicyBook:
    """Reads policies, ladders and calendars lazily and remembers them for the length of one act or batch.

    Published versions never change, so what was read stays true; `at` decides which version of a key is current.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.names = Names()
        self._policies: list[SlaPolicy] | None = None
        self._ladders: dict[int, dict[str, Ladder]] = {}
        self._by_target: dict[int, Ladder] = {}
        self._calendars: dict[int, Calendar] = {}
        self._current: dict[str, int] = {}
        self._rep_keys: dict[int, str] = {}
        self._calendar_keys: dict[int, str] = {}

    @property
    def policies(self) -> list[SlaPolicy]:
        """The policies in force, in the order in which they are asked; the fallback is last."""
        if self._policies is None:
            rows = SlaPolicy.objects.filter(effective_from__lte=self.at).order_by("key", "-version")
            newest: dict[str, SlaPolicy] = {}
            for row in rows:
                newest.setdefault(row.key, row)
            in_force = [row for row in newest.values() if row.retired_at is None or row.retired_at > self.at]
            self._policies = sorted(in_force, key=lambda row: (row.is_fallback, row.position, row.key))
        return self._policies

    def choose(self, facts: Facts) -> Choice:
        """The policy for a hand-off with these facts: the first whose conditions all hold, and why."""
        policy = next((row for row in self.policies if not unmet(row.scope, facts)), None)
        return Choice(policy, matched_words(policy.scope, facts, self.names)[:200] if policy else "")

    def calendar_key(self, policy_id: int | None) -> str:
        """The calendar a policy runs on unless a person's own is asked for."""
        if policy_id is None:
            return STANDARD
        if policy_id not in self._calendar_keys:
            self._calendar_keys[policy_id] = SlaPolicy.objects.values_list("calendar_key", flat=True).get(pk=policy_id)
        return self._calendar_keys[policy_id]

    def ladder(self, policy_id: int | None, kind: str) -> Ladder | None:
        """What a policy promises for one kind of clock; None when it promises nothing."""
        if policy_id is None:
            return None
        if policy_id not in self._ladders:
            self._ladders[policy_id] = {ladder.kind: ladder for ladder in _ladders(SlaTarget.objects.filter(policy_id=policy_id))}
        return self._ladders[policy_id].get(kind)

    def ladders_of(self, target_ids: Iterable[int]) -> dict[int, Ladder]:
        """Ladders by target, for timers already running."""
        missing = set(target_ids) - self._by_target.keys()
        if missing:
            self._by_target.update({ladder.target_id: ladder for ladder in _ladders(SlaTarget.objects.filter(pk__in=missing))})
        return self._by_target

    def calendar(self, calendar_id: int | None) -> Calendar:
        """The value of a stored calendar version; without one, elapsed time."""
        if calendar_id is None:
            return ELAPSED
        if calendar_id not in self._calendars:
            row = WorkCalendar.objects.get(pk=calendar_id)
            days = CalendarDay.objects.filter(calendar_id=calendar_id).values_list("date", "intervals")
            weekly = {int(day): hours for day, hours in row.weekly.items()}
            self._calendars[calendar_id] = Calendar.of(row.zone, weekly, dict(days))
        return self._calendars[calendar_id]

    def current_id(self, key: str) -> int:
        """The version of a calendar in force."""
        if key not in self._current:
            row = (
                WorkCalendar.objects.filter(key=key, effective_from__lte=self.at)
                .order_by("-version")
                .values_list("pk", flat=True)
                .first()
            )
            if row is None:
                raise Invalid(
                    f"There is no calendar named {key}.",
                    code="no_calendar",
                    field="calendar",
                    value=key,
                    expected="a calendar of Setup",
                )
            self._current[key] = row
        return self._current[key]

    def calendar_id_for(self, ladder: Ladder, owner_id: int | None, policy_id: int | None) -> int | None:
        """The calendar a clock runs on: none for elapsed time, the owner's own where the target says so, else the policy's."""
        if ladder.clock == SlaTarget.Clock.ELAPSED:
            return None
        own = self.rep_key(owner_id) if ladder.calendar_from == SlaTarget.CalendarFrom.OWNER and owner_id is not None else ""
        return self.current_id(own or self.calendar_key(policy_id))

    def hours_of(self, user_id: int, policy_key: str = STANDARD) -> Calendar:
        """When a person works: their own calendar, else the policy's."""
        return self.calendar(self.current_id(self.rep_key(user_id) or policy_key))

    def rep_key(self, user_id: int) -> str:
        if user_id not in self._rep_keys:
            self.read_reps([user_id])
        return self._rep_keys[user_id]

    def read_reps(self, user_ids: Iterable[int]) -> None:
        """Read the calendar keys of many people at once."""
        missing = set(user_ids) - self._rep_keys.keys()
        found = dict(Rep.objects.filter(user_id__in=missing).values_list("user_id", "calendar_key"))
        self._rep_keys.update({user_id: found.get(user_id, "") for user_id in missing})


def _ladders(targets: Iterable[SlaTarget]) -> list[Ladder]:
    rows = list(targets)
    rungs: dict[int, list[Rung]] = defaultdict(list)
    for step in SlaStep.objects.filter(target_id__in=[row.pk for row in rows]).order_by("percent", "after_us", "pk"):
        rungs[step.target_id].append(rung_of(step))
    return [
        Ladder(
            row.pk, row.kind, row.clock, row.calendar_from, row.duration_us, row.pause_cap_us or 0, row.backdate_us, tuple(rungs[row.pk])
        )
        for row in rows
    ]  # fmt: skip


def rung_of(step: SlaStep) -> Rung:
    """A stored step, ready to plan with."""
    return Rung(
        step.code, step.action, step.percent, step.after_us, tuple(step.audience), tuple(step.channels), step.urgent, step.digest_s
    )  # fmt: skip
