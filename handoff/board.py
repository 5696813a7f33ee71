"""The SLA board: what waits with each rep of a team and with nobody yet, how promises to answer were kept, what is longest overdue."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.db.models import Aggregate, Case, CharField, Count, F, FloatField, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import Func
from django.db.models.functions import Extract
from django.utils import timezone

from handoff.actions.assigning import may_be_given
from handoff.actions.nudging import latest_nudges
from handoff.clocks import KEPT, answer_promises, faces_of
from handoff.desk import TIMED, Row, drawn_by_id, rows_of
from handoff.models import Handoff, HandoffEvent, Leave, SlaEvent, SlaStep
from handoff.states import WITH_REP, HandoffState
from leads.clockface import ClockFace
from leads.models import Team, TeamMember, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

PERIODS = (("today", "Today"), ("7", "7 days"), ("30", "30 days"))
SPARK_DAYS, SPARK_PARTS = 30, 10
LONGEST = 12
ESCALATED = 20
FAR = datetime(9999, 1, 1, tzinfo=UTC)


class Percentile(Aggregate):
    """`percentile_cont` of PostgreSQL; `fraction` 0.5 is the median."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field: ClassVar[FloatField[Any, Any]] = FloatField()


class OnBoard(NamedTuple):
    """An open hand-off, as much of it as figures and order ask for."""

    pk: int
    state: str
    version: int
    owner_id: int | None
    opened_at: datetime
    reached_at: datetime | None

    @property
    def closed_as(self) -> str:
        """Nothing open has ended."""
        return ""


@dataclass(slots=True)
class RepLine:
    """One rep as the board shows them. `in_time` is the share of 30 days, `spark` the same in ten parts of three days."""

    user: User
    open: int = 0
    cap: int | None = None
    to_answer: int = 0
    to_contact: int = 0
    overdue: int = 0
    soon: int = 0
    first: ClockFace | None = None
    first_id: int | None = None
    kept: int = 0
    decided: int = 0
    spark: list[float | None] = field(default_factory=list)
    away_until: datetime | None = None
    off: str = ""

    @property
    def in_time(self) -> float | None:
        return self.kept / self.decided if self.decided else None

    @property
    def has_course(self) -> bool:
        """Whether there is more than one part to draw a line through."""
        return sum(part is not None for part in self.spark) > 1

    @property
    def is_out(self) -> bool:
        """Whether nobody is there to answer: away, switched off or no longer active."""
        return self.away_until is not None or bool(self.off)

    @property
    def load_tone(self) -> str:
        return "danger" if self.cap and self.open >= self.cap else "open"


class Kept(NamedTuple):
    """How promises to answer were kept in a period and in the one before; times in seconds of the promise's own clock."""

    in_time: float | None
    before: float | None
    decided: int
    median: float | None
    ninetieth: float | None


@dataclass(frozen=True, slots=True)
class Longest:
    """A hand-off of the list of the longest waiting; `nudge` is the last one while it forbids another."""

    row: Row
    owner: User | None
    nudge: HandoffEvent | None

    @property
    def may_nudge(self) -> bool:
        return self.owner is not None and self.owner.is_active and self.nudge is None and self.row.handoff.state in TIMED


@dataclass(frozen=True, slots=True)
class Escalation:
    """A step of a policy that told somebody above the rep, or moved the hand-off."""

    handoff: Handoff
    at: datetime
    words: str


STEP_WORDS = {
    SlaStep.Action.BREACH: "time is up, manager told",
    SlaStep.Action.ESCALATE: "told further up",
    SlaStep.Action.REASSIGN: "taken back for another rep",
    SlaStep.Action.RECYCLE: "sent back to nurture",
}
UP = Q(action__in=(SlaStep.Action.ESCALATE, SlaStep.Action.REASSIGN, SlaStep.Action.RECYCLE))
TOLD_UP = UP | Q(audience__contains=["manager"]) | Q(audience__contains=["head"])


class Board:
    """What `user` may see of one team (None: all theirs) at `now`, read with a fixed number of queries whatever its size."""

    def __init__(self, user: User, now: datetime, *, team: int | None = None, period: str = "today") -> None:
        self.user, self.now, self.period = user, now, period
        self.team = team if team in {one.pk for one in self.teams} else None

    @cached_property
    def teams(self) -> list[Team]:
        """The teams there are to choose from: with reps in them, and, for who sees their teams only, managed by them."""
        members = TeamMember.objects.filter(user__in=may_be_given(self.user))
        teams = Team.objects.filter(pk__in=members.values("team"))
        if not self.user.has_perm("leads.see_all_leads"):
            teams = teams.filter(pk__in=TeamMember.objects.filter(user=self.user, is_manager=True).values("team"))
        return list(teams.order_by("name", "pk"))

    @property
    def scope(self) -> QuerySet[Handoff]:
        """Open hand-offs: with the team's reps, and the queue, which is every team's."""
        found = Handoff.objects.visible_to(self.user).filter(state__in=WITH_REP | {HandoffState.QUEUED})
        if self.team is None:
            return found
        members = TeamMember.objects.filter(team=self.team).values("user_id")
        return found.filter(Q(owner__in=members) | Q(state=HandoffState.QUEUED))

    @cached_property
    def handoffs(self) -> list[OnBoard]:
        return [OnBoard._make(row) for row in self.scope.order_by("pk").values_list(*OnBoard._fields)]

    @cached_property
    def faces(self) -> dict[int, ClockFace]:
        return faces_of(self.handoffs, self.now)

    @cached_property
    def by_urgency(self) -> list[OnBoard]:
        """What a promise waits for, the first due first; then what is on hold, last what nothing is promised about."""
        waiting = [row for row in self.handoffs if row.state in TIMED or row.owner_id is None or self.faces[row.pk].due_at]
        return sorted(waiting, key=self._urgency)

    def _urgency(self, row: OnBoard) -> tuple[bool, datetime, datetime, int]:
        face = self.faces[row.pk]
        on_hold = face.held_until is not None
        return on_hold, face.due_at or FAR, row.opened_at, row.pk

    @cached_property
    def queue(self) -> list[OnBoard]:
        return [row for row in self.by_urgency if row.owner_id is None]

    @cached_property
    def people(self) -> dict[int, User]:
        """The reps there are, and whoever else has something in hand; with the end of a leave they are on."""
        reps = may_be_given(self.user)
        if self.team is not None:
            reps = reps.filter(pk__in=TeamMember.objects.filter(team=self.team).values("user_id"))
        leave = Leave.objects.filter(rep_id=OuterRef("pk"), starts_at__lte=self.now, ends_at__gt=self.now)
        owners = {row.owner_id for row in self.handoffs if row.owner_id is not None}
        found = User.objects.filter(Q(pk__in=reps.values("pk")) | Q(pk__in=owners)).select_related("rep")
        away = Subquery(leave.order_by("-ends_at").values("ends_at")[:1])
        return {user.pk: user for user in found.annotate(away_until=away)}

    @cached_property
    def reps(self) -> list[RepLine]:
        """The reps, most in need of help first: by what is overdue, then what is nearly, then by load."""
        lines = {pk: self._line(user) for pk, user in self.people.items()}
        for row in self.by_urgency:
            if row.owner_id is not None and lines[row.owner_id].first is None:
                lines[row.owner_id].first, lines[row.owner_id].first_id = self.faces[row.pk], row.pk
        for row in self.handoffs:
            if row.owner_id is None:
                continue
            line, state = lines[row.owner_id], self.faces[row.pk].state
            line.open += 1
            line.to_answer += row.state == HandoffState.OFFERED
            line.to_contact += row.state == HandoffState.ACCEPTED
            line.overdue += state == "overdue"
            line.soon += state == "soon"
        for owner_id, parts in self._kept_by_part().items():
            lines[owner_id].decided = sum(all for all, _ in parts.values())
            lines[owner_id].kept = sum(kept for _, kept in parts.values())
            lines[owner_id].spark = [parts[n][1] / parts[n][0] if n in parts else None for n in range(1, SPARK_PARTS + 1)]
        shown = [line for line in lines.values() if line.open or line.decided or not line.off]
        return sorted(shown, key=lambda line: (-line.overdue, -line.soon, -line.open, str(line.user), line.user.pk))

    def _line(self, user: User) -> RepLine:
        rep = getattr(user, "rep", None)
        off = "" if user.is_active and rep is not None and rep.takes_leads else "takes no leads"
        if not user.is_active:
            off = "switched off"
        elif rep is not None and not rep.takes_leads and rep.off_reason:
            off = f"takes no leads: {rep.off_reason}"
        away: datetime | None = getattr(user, "away_until", None)
        return RepLine(user, cap=rep.open_cap if rep else None, away_until=away, off=off)

    def _kept_by_part(self) -> dict[int, dict[int, tuple[int, int]]]:
        """Promises decided and kept by owner and tenth of the last 30 days, the oldest tenth 1."""
        since = self.now - timedelta(days=SPARK_DAYS)
        part = Func(
            Extract("due_at", "epoch"), Value(since.timestamp()), Value(self.now.timestamp()), Value(SPARK_PARTS),
            function="width_bucket", output_field=IntegerField(),
        )  # fmt: skip
        promises = answer_promises(self.now).filter(owner__in=list(self.people), due_at__gte=since).order_by()
        found: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        rows = promises.annotate(part=part).values("owner", "part").annotate(all=Count("pk"), kept=Count("pk", filter=KEPT))
        for owner, number, count, kept in rows.values_list("owner", "part", "all", "kept"):
            # What was answered before it fell due belongs to today.
            at = min(max(number, 1), SPARK_PARTS)
            before = found[owner].get(at, (0, 0))
            found[owner][at] = before[0] + count, before[1] + kept
        return found

    @property
    def since(self) -> datetime:
        """When the period begins: this morning at midnight where the reader is, or so many days ago."""
        if self.period == "today":
            return timezone.localtime(self.now).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        return self.now - timedelta(days=int(self.period))

    @property
    def days_before(self) -> int:
        """How many days before the period it is compared with: a week at least."""
        return 7 if self.period == "today" else int(self.period)

    @cached_property
    def kept(self) -> Kept:
        """In time by when it fell due, times by when it was answered."""
        since, before = self.since, self.since - timedelta(days=self.days_before)
        now, earlier = Q(due_at__gte=since), Q(due_at__lt=since)
        spent = Case(When(met_at__gte=since, then=F("consumed_us")), output_field=FloatField())
        row = (
            answer_promises(self.now)
            .filter(owner__in=list(self.people), due_at__gte=before)
            .aggregate(
                all=Count("pk", filter=now), kept=Count("pk", filter=now & KEPT), all_before=Count("pk", filter=earlier),
                kept_before=Count("pk", filter=earlier & KEPT), median=Percentile(spent, fraction=0.5), ninetieth=Percentile(spent, fraction=0.9),
            )
        )  # fmt: skip
        return Kept(
            row["kept"] / row["all"] if row["all"] else None,
            row["kept_before"] / row["all_before"] if row["all_before"] else None,
            row["all"],
            None if row["median"] is None else row["median"] / 1e6,
            None if row["ninetieth"] is None else row["ninetieth"] / 1e6,
        )

    @cached_property
    def counts(self) -> dict[str, int]:
        """Waiting for an answer, for a first attempt and for a rep; of all these overdue and under 30 minutes."""
        states = Counter(row.state for row in self.handoffs)
        faces = Counter(self.faces[row.pk].state for row in self.handoffs)
        return {
            "to_answer": states[HandoffState.OFFERED], "to_contact": states[HandoffState.ACCEPTED], "queue": states[HandoffState.QUEUED],
            "overdue": faces["overdue"], "soon": faces["soon"],
        }  # fmt: skip

    @cached_property
    def longest(self) -> list[Longest]:
        """The hand-offs due first, drawn."""
        ids = [row.pk for row in self.by_urgency[:LONGEST]]
        return self.listed(ids)

    def listed(self, ids: Sequence[int]) -> list[Longest]:
        found, nudges = drawn_by_id(ids), latest_nudges(ids, self.now)
        owners = {row.pk: row.owner_id for row in self.handoffs}
        return [
            Longest(row, self.people.get(owners[row.handoff.pk] or 0), nudges.get(row.handoff.pk))
            for row in rows_of(ids, found, self.faces)
        ]

    @cached_property
    def escalated(self) -> list[Escalation]:
        """Steps of today that went above the rep's head, of what is still open; the newest first."""
        midnight = timezone.localtime(self.now).replace(hour=0, minute=0, second=0, microsecond=0)
        step = SlaStep.objects.filter(TOLD_UP, target__timers=OuterRef("timer_id"), code=OuterRef("step")).values("action")[:1]
        events = (
            SlaEvent.objects.filter(
                handoff_id__in=self.scope.values("pk"), fired_at__gte=midnight, outcome=SlaEvent.Outcome.FIRED
            )
            .annotate(action=Subquery(step, output_field=CharField()))
            .filter(action__isnull=False)
            .order_by("-fired_at", "-pk")
            .values_list("handoff_id", "fired_at", "action")[:ESCALATED]
        )
        rows = list(events)
        found = drawn_by_id(pk for pk, _, _ in rows)
        return [Escalation(found[pk], at, STEP_WORDS[SlaStep.Action(action)]) for pk, at, action in rows if pk in found]

    @cached_property
    def mark(self) -> str:
        """What the board looks like; a page that carries another mark is out of date."""
        rows = [(row.pk, row.version, self.faces[row.pk].state == "overdue") for row in self.handoffs]
        return f"{zlib.crc32(repr((rows, self.counts)).encode()):08x}"
