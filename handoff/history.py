"""What happened to one hand-off, in words and in order: its moves, its clocks, the attempts, and who was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from handoff.models import Handoff, HandoffEvent, SlaEvent, SlaTimer
from handoff.states import DONE, ClockKind
from leads.clockface import spoken
from leads.models import Outbox, Reason, User
from leads.templatetags.dates import minute_words

# Steps of a clock that only repeat what the move itself says.
SILENT = ("start", "met", "cancel", "undo", "pause", "resume", "pause_cap", "replan")
OUTCOMES = {"skipped": "passed over", "recorded": "noted", "withdrawn": "withdrawn"}
# What a step is called, by how its code begins.
STEP_WORDS = {
    "remind": "reminder",
    "breach": "time is up",
    "tell": "told the head of sales",
    "reassign": "to be given to another rep",
    "recycle": "to go back to nurture",
}
OPENED = "Handed over to sales"
VERBS = {
    "open": OPENED,
    "see": "Opened the packet",
    "join": "Met the criteria again",
    "interest": "New interest",
    "offer": "Offered",
    "attempt": "Tried to reach the person",
    "nudge": "Nudged",
    "pause": "Put on hold",
    "resume": "Goes on",
    "replan": "Planned anew",
}
TONES = {
    "accept": "good", "convert": "good", "win": "good", "reject": "bad", "lose": "bad", "give_up": "bad", "expire": "bad",
}  # fmt: skip
NOTICED_LATE_S = 60
MOST_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history. `tone` is "", "good" or "bad"."""

    at: datetime
    words: str
    sub: str = ""
    who: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One promise and how it ended."""

    pk: int
    promise: str
    due_at: datetime
    met_at: datetime | None
    verdict: str
    tone: str


def history(handoff: Handoff) -> list[Entry]:
    """Everything recorded about a hand-off, newest first; a fixed number of queries."""
    events = list(HandoffEvent.objects.filter(handoff=handoff).select_related("actor").order_by("at", "pk"))
    clock_events = list(SlaEvent.objects.filter(handoff_id=handoff.pk).exclude(step__in=SILENT).order_by("fired_at", "pk"))
    ids = {event.actor_id for event in clock_events} | {_detail(event).get(name) for event in events for name in ("to", "from")}
    people = User.objects.in_bulk([pk for pk in ids if isinstance(pk, int)])
    attempts = {attempt.pk: str(attempt) for attempt in handoff.attempts.all()}
    reasons = dict(Reason.objects.values_list("code", "label"))
    kinds = dict(SlaTimer.objects.filter(handoff=handoff).values_list("pk", "kind"))
    entries = [_move(event, people, attempts, reasons) for event in events]
    if not any(event.verb == "open" for event in events):
        entries.insert(0, Entry(handoff.opened_at, OPENED))
    entries += [_step(event, kinds, people) for event in clock_events]
    entries += _told(handoff)
    # Of one instant the later line is the later doing.
    return [entry for _, entry in sorted(enumerate(entries), key=lambda item: (item[1].at, item[0]), reverse=True)]


def _detail(event: HandoffEvent) -> dict[str, Any]:
    return event.detail if isinstance(event.detail, dict) else {}


def _move(event: HandoffEvent, people: dict[int, User], attempts: dict[int, str], reasons: dict[str, str]) -> Entry:
    detail = _detail(event)
    words = VERBS.get(event.verb) or DONE.get(event.verb, event.verb.replace("_", " ")).capitalize()
    if event.verb == "undo":
        words = "Took the answer back"
    to = people.get(detail["to"]) if isinstance(detail.get("to"), int) else None
    if to is not None:
        words = f"{words} to {to}"
    reason = str(detail.get("reason") or "")
    parts = [reasons.get(reason, reason), str(detail.get("note") or ""), attempts.get(detail.get("attempt") or 0, "")]
    if detail.get("decided_by"):
        parts.append(f"decided by {detail['decided_by']}")
    parts.append(str(detail.get("did") or ""))
    if detail.get("via") == "mail":
        parts.append("by a link in a mail")
    if event.verb == "interest" and detail.get("score"):
        parts.append(f"score then {detail['score']}")
    if detail.get("until"):
        parts.append(f"until {minute_words(timezone.localtime(datetime.fromisoformat(detail['until'])))}")
    if detail.get("limit"):
        parts.append("the hold was over")
    if "stands" in detail:
        parts.insert(0, "the rejection stands" if detail["stands"] else "handed over again")
    return Entry(event.at, words, ", ".join(part for part in parts if part), str(event.actor or ""), TONES.get(event.verb, ""))


def _step(event: SlaEvent, kinds: dict[int, str], people: dict[int, User]) -> Entry:
    promise = str(ClockKind(kinds[event.timer_id]).label) if event.timer_id in kinds else "Clock"
    step = next((words for begin, words in STEP_WORDS.items() if event.step.startswith(begin)), event.step.replace("-", " "))
    outcome = OUTCOMES.get(event.outcome, "")
    late = int((event.fired_at - event.due_at).total_seconds())
    at = timezone.localtime(event.due_at)
    sub = f"due {at:%H:%M}, noticed {spoken(late)} later" if late >= NOTICED_LATE_S else ""
    breached = event.step.startswith("breach") and event.outcome != SlaEvent.Outcome.WITHDRAWN
    words = f"{promise}: {step}{f', {outcome}' if outcome else ''}"
    return Entry(event.fired_at, words, sub, str(people.get(event.actor_id or 0, "")), "bad" if breached else "")


def _told(handoff: Handoff) -> Iterator[Entry]:
    """Mails with what became of them, and messages that were seen; who opens a packet sees all about it at once: one line."""
    rows = (
        Outbox.objects.filter(handoff_id=handoff.pk, recipient__isnull=False).select_related("recipient").defer("payload", "log")
    )
    read: dict[tuple[datetime, str], list[Outbox]] = defaultdict(list)
    for row in rows.order_by("pk")[:MOST_MESSAGES]:
        if row.channel == Outbox.Channel.MAIL and row.state == Outbox.State.DEAD:
            yield Entry(row.due_at, "A mail could not be delivered", row.last_error, str(row.recipient), "bad")
        elif row.channel == Outbox.Channel.MAIL and row.sent_at is not None:
            yield Entry(row.sent_at, "Told by mail", _fate(row), str(row.recipient))
        elif row.channel == Outbox.Channel.INAPP and row.seen_at is not None:
            read[row.seen_at, str(row.recipient)].append(row)
    for (at, who), seen in read.items():
        acted = min((row.acted_at for row in seen if row.acted_at), default=None)
        parts = [f"{len(seen)} messages" if len(seen) > 1 else "", f"acted on {_clock(acted)}" if acted else ""]
        yield Entry(at, "Read in the portal", ", ".join(filter(None, parts)), who)


def _fate(row: Outbox) -> str:
    """When its reader saw what it tells, in the packet, and did what it asks for."""
    seen, acted = row.seen_at, row.acted_at
    parts = [f"seen {_clock(seen)}" if seen and seen != acted else "", f"acted on {_clock(acted)}" if acted else ""]
    return ", ".join(filter(None, parts))


def _clock(at: datetime) -> str:
    return f"{timezone.localtime(at):%-d %b, %H:%M}"


def promises(handoff: Handoff, now: datetime) -> list[ClockLine]:
    """Every clock of a hand-off with its verdict, oldest first, without those of an answer that was taken back; one query."""
    lines = []
    undone = HandoffEvent.objects.filter(handoff=handoff, verb="undo").values("at")
    ended_so = SlaEvent.objects.filter(timer_id=OuterRef("pk"), step="cancel", fired_at__in=undone)
    promised = SlaTimer.objects.filter(handoff=handoff).exclude(Exists(ended_so), state=SlaTimer.State.CANCELLED)
    for timer in promised.defer("plan"):
        promise = str(ClockKind(timer.kind).label)
        match timer.state:
            case SlaTimer.State.MET:
                kept = timer.met_at is not None and timer.met_at <= timer.due_at
                verdict, tone = ("kept", "good") if kept else ("missed", "bad")
            case SlaTimer.State.CANCELLED:
                verdict, tone = "no longer needed", ""
            case SlaTimer.State.PAUSED:
                until = minute_words(timezone.localtime(timer.paused_until)) if timer.paused_until else ""
                verdict, tone = f"on hold until {until}: {timer.pause_reason}", ""
            case _:
                verdict, tone = ("overdue", "bad") if now > timer.due_at else ("running", "")
        lines.append(ClockLine(timer.pk, promise, timer.due_at, timer.met_at, verdict, tone))
    return lines
