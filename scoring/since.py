"""What really happened since a version came into force, beside what both sides signed and what the version before it did.

Leads that became MQLs within four and within eight weeks, and what had become of them by the end of those weeks: so the version
before, over as long a time up to the change, is told from the same distance. What a version did later is told of the same leads.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from leads import clock
from leads.choices import Outcome
from leads.models import Reason
from scoring.lift import LABELLED, POSITIVE, Rate
from scoring.models import Activation, ModelVersion, PreviewReport
from scoring.slots import slots

WEEK = timedelta(days=7)
MARKS = (4, 8)  # weeks after which both sides look at it
IN_FORCE = (Activation.Step.SETTLING, Activation.Step.SETTLED)

# Each lead once, from the first time it became an MQL by the version within the time; its latest decision since, as it was known
# at the cut. Columns: week, by the activation itself, handed over, outcome (null: no answer), reason, leads.
_COUNTED = """
SELECT floor(extract(epoch FROM q.at - %(start)s) / 604800)::int, q.cause = 'activation', q.handed, c.outcome, c.reason_id, count(*)
FROM (
    SELECT DISTINCT ON (lead_id) lead_id, at, cause, coalesce(release_at <= %(cut)s, false) AS handed
    FROM scoring_qualification
    WHERE version_id = %(version)s AND kind = 'mql' AND at >= %(start)s AND at < %(end)s ORDER BY lead_id, at, id
) AS q
LEFT JOIN LATERAL (
    SELECT CASE WHEN coalesce(outcome_at, decided_at) <= %(cut)s THEN outcome ELSE 'working' END AS outcome,
           CASE WHEN outcome = 'rejected' THEN reason_id END AS reason_id
    FROM leads_case WHERE lead_id = q.lead_id AND decided_at >= q.at AND decided_at <= %(cut)s AND outcome <> 'unknown'
    ORDER BY decided_at DESC, id DESC LIMIT 1
) AS c ON q.handed
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(slots=True)
class Happened:
    """What came of a version over some time. `weeks`: leads that became MQLs, week by week; those that entered with the version
    itself are `entered`. `ends` counts those handed over by outcome, `reasons` the rejected ones, by reason (None: no reason).
    """

    label: str
    days: float
    weeks: list[int]
    entered: int = 0
    handed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[int | None] = field(default_factory=Counter)

    @property
    def mqls(self) -> int:
        return sum(self.weeks)

    @property
    def whole(self) -> list[int]:
        """The weeks that are over."""
        return self.weeks[: int(self.days // 7)]

    @property
    def per_week(self) -> float | None:
        return sum(self.whole) / len(self.whole) if self.whole else None

    @property
    def accepted(self) -> Rate:
        return _rate(self.ends, "accepted")

    @property
    def won(self) -> Rate:
        return _rate(self.ends, "won")

    @property
    def waiting(self) -> int:
        """Those handed over that nobody has answered."""
        return self.handed - sum(self.ends.values())


@dataclass(frozen=True, slots=True)
class Signed:
    """What the report said that both sides signed. Its MQLs a week are leads decided in one of the `weeks` before it: the last
    26, less those at the beginning in which nothing was decided yet; None where that leaves none.
    """

    per_week: float | None
    weeks: int
    opening: int
    accepted: Rate
    won: Rate
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ReasonRow:
    label: str
    counts: list[int]


@dataclass(slots=True)
class Since:
    """The page's section. `columns` are the version before (where there was one) and what happened, the latest last."""

    activation: Activation
    until: datetime
    is_over: bool
    next_mark: tuple[int, datetime] | None
    capacity: int | None
    signed: Signed | None = None
    before: Happened | None = None
    happened: list[Happened] = field(default_factory=list)
    today: Happened | None = None
    reasons: list[ReasonRow] = field(default_factory=list)

    @property
    def started(self) -> datetime:
        return self.activation.at

    @property
    def days(self) -> int:
        return (self.until - self.started).days

    @property
    def first_told(self) -> datetime:
        """From when on there is a whole week to tell of."""
        return self.started + WEEK

    @property
    def latest(self) -> Happened | None:
        """The longest time there is to tell of; None in the first week."""
        return self.happened[-1] if self.happened else None

    @property
    def columns(self) -> list[Happened]:
        return [one for one in (self.before, *self.happened, self.today) if one is not None]

    @property
    def week_rows(self) -> list[tuple[int, datetime, int, bool]]:
        """Number, first day, MQLs and whether it is over, of each week of the longest time."""
        if self.latest is None:
            return []
        whole = len(self.latest.whole)
        return [(no + 1, self.started + no * WEEK, count, no < whole) for no, count in enumerate(self.latest.weeks)]

    @property
    def outcome_rows(self) -> list[tuple[str, list[int]]]:
        """Outcomes that some column has, and those without an answer, with the leads in each column."""
        shown = (Outcome.WON, Outcome.LOST, Outcome.WORKING, Outcome.REJECTED, Outcome.CLOSED_UNWORKED)
        rows = [(str(one.label), [column.ends[one] for column in self.columns]) for one in shown]
        rows.append(("No answer yet", [column.waiting for column in self.columns]))
        return [row for row in rows if any(row[1])]


def since(version: ModelVersion, now: datetime | None = None) -> Since | None:
    """What happened since `version` first came into force; None of one that never did. A fixed number of queries."""
    activation = version.activations.filter(step__in=IN_FORCE).select_related("from_version").order_by("at", "pk").first()
    if activation is None:
        return None
    now = now or clock.now()
    ended = (
        Activation.objects.filter(version__model_id=version.model_id, step__in=IN_FORCE, at__gt=activation.at)
        .order_by("at")
        .values_list("at", flat=True)
        .first()
    )
    until = min(ended or now, now)
    ahead = ((weeks, activation.at + weeks * WEEK) for weeks in MARKS)
    found = Since(
        activation, until, ended is not None, next(((no, at) for no, at in ahead if at > until), None), slots.capacity()
    )
    if until - activation.at < WEEK:
        return found
    found.signed = _signed(version)
    ends = sorted({min(activation.at + weeks * WEEK, until) for weeks in MARKS})
    for end in ends:
        found.happened.append(_count(version.pk, _span(end - activation.at, is_over=True), activation.at, end, end))
    length = ends[-1] - activation.at
    if now - ends[-1] > WEEK:
        found.today = _count(version.pk, "The same leads today", activation.at, ends[-1], now)
    if activation.from_version is not None:
        label = f"{activation.from_version.label}, {_span(length)} before"
        found.before = _count(activation.from_version_id, label, activation.at - length, activation.at, activation.at)
    found.reasons = _reason_rows(found.columns)
    return found


def _span(length: timedelta, *, is_over: bool = False) -> str:
    """`9 days`, `4 weeks`; of a time that is over `After 9 days`."""
    weeks, rest = divmod(length, WEEK)
    words = f"{weeks} weeks" if not rest and weeks > 1 else f"{length.days} days"
    return f"After {words}" if is_over else words


def _count(version_id: int | None, label: str, start: datetime, end: datetime, cut: datetime) -> Happened:
    days = (end - start) / timedelta(days=1)
    found = Happened(label, days, [0] * max(1, -(-(end - start) // WEEK)))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"version": version_id, "start": start, "end": end, "cut": cut})
        for week, is_entry, handed, outcome, reason, leads in cursor.fetchall():
            if is_entry:
                found.entered += leads
            else:
                found.weeks[week] += leads
            if handed:
                found.handed += leads
            if outcome is not None:
                found.ends[outcome] += leads
            if outcome == Outcome.REJECTED:
                found.reasons[reason] += leads
    return found


def _rate(ends: Mapping[str, int], goal: str) -> Rate:
    labelled = sum(ends.get(one, 0) for one in LABELLED[goal])
    return Rate(None, labelled, sum(ends.get(one, 0) for one in POSITIVE[goal]))


def _signed(version: ModelVersion) -> Signed | None:
    """The report of the version, or of the one it returned to: their content is the same."""
    reports = PreviewReport.objects.filter(version__model_id=version.model_id, version__spec_hash=version.spec_hash)
    kept = sorted(reports, key=lambda one: (one.version_id == version.pk, one.pk))
    report = kept[-1] if kept else None
    if report is None or "draft" not in report.result:
        return None
    draft = report.result["draft"]
    ends = {row["outcome"]: row["mql"] for row in draft["outcomes"]}
    weeks = _since_first(draft["weeks"], (report.result.get("live") or draft)["weeks"])
    per_week = sum(weeks) / len(weeks) if weeks else None
    return Signed(per_week, len(weeks), draft["opening"], _rate(ends, "accepted"), _rate(ends, "won"), report.as_of)


def _since_first(weeks: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """The weeks from the first on in which either version had an MQL decided: a young portal has no earlier ones to go by."""
    first = next((no for no, both in enumerate(zip(weeks, others, strict=True)) if any(both)), len(weeks))
    return weeks[first:]


def _reason_rows(columns: Sequence[Happened]) -> list[ReasonRow]:
    """The reasons by which anybody was rejected, the most frequent of the latest column first."""
    labels: dict[Any, str] = dict(Reason.objects.values_list("pk", "label"))
    keys = {key for column in columns for key in column.reasons}
    rows = [ReasonRow(labels.get(key, "No reason"), [column.reasons[key] for column in columns]) for key in keys]
    return sorted(rows, key=lambda row: (*(-count for count in reversed(row.counts)), row.label))
