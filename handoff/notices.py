"""Who is told what about a hand-off, when and in which words. Builds messages; the outbox delivers them.

In the portal people are told at once. Mail waits for the next opening of the person's own hours, a breach included, unless
the step is urgent and the person wants urgent mail at any hour; what waited is asked again whether it still makes sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from handoff.audience import People
from handoff.businesstime import next_open
from handoff.mail_links import link_of
from handoff.models import Handoff, RejectionReview, SlaTimer
from handoff.policybook import PolicyBook
from handoff.states import DONE, OPEN, TERMINAL, ClockKind, HandoffState
from leads.models import Outbox, User
from leads.models.lead import best_name
from leads.notify.messages import Message
from leads.notify.registry import Kind, Rendered, register

if TYPE_CHECKING:
    from handoff.ladder import Rung
    from handoff.sweep import Due

OFFERED = "handoff.offered"
STEP = "handoff.step"
ANSWERED = "handoff.answered"
MOVED = "handoff.moved"
INTEREST = "handoff.interest"
REGRADED = "handoff.regraded"
DISPUTED = "handoff.disputed"
WITHDRAWN = "handoff.breach_withdrawn"
NUDGED = "handoff.nudged"
RESUMED = "handoff.resumed"
WORK = "handoff.work"
DIGEST_S = 60
# Between two mails on one lead to one person.
COOL_DOWN = timedelta(minutes=30)
INAPP, MAIL, WEBHOOK = Outbox.Channel.INAPP.value, Outbox.Channel.MAIL.value, Outbox.Channel.WEBHOOK.value
PROMISES = {
    "offer": "offer it to a rep", "accept": "accept or reject it", "first_contact": "make the first attempt",
    "mqo_followup": "follow up the MQO", "review": "review the rejection", "dispute": "settle the dispute",
}  # fmt: skip


def facts(handoff: Handoff, **more: Any) -> dict[str, Any]:
    """What the words of a message about a hand-off are made of."""
    lead = handoff.lead
    company = str(lead.company) if lead.company_id and lead.company else ""
    return _facts(handoff.pk, lead.name, company, handoff.headline, handoff.score, handoff.due_at, handoff.epoch) | more


def _facts(pk: int, lead: str, company: str, why: str, score: int, due: datetime | None, epoch: int) -> dict[str, Any]:
    return {
        "handoff": pk, "lead": lead, "company": company, "why": why, "score": score, "due": due.isoformat() if due else None, "epoch": epoch,
    }  # fmt: skip


class Matter(NamedTuple):
    """A hand-off as far as messages speak of it."""

    owner_id: int | None
    facts: dict[str, Any]


def matters(handoff_ids: Iterable[int]) -> dict[int, Matter]:
    """The facts of many hand-offs, without the rest of their wide rows."""
    rows = Handoff.objects.filter(pk__in=handoff_ids).values_list(
        "pk", "owner_id", "headline", "score", "due_at", "epoch",
        "lead_id", "lead__first_name", "lead__last_name", "lead__email", "lead__phone", "lead__company__name", "lead__company__domain",
    )  # fmt: skip
    return {
        pk: Matter(
            owner_id, _facts(pk, best_name(lead, first, last, email, phone), company or domain or "", why, score, due, epoch)
        )
        for pk, owner_id, why, score, due, epoch, lead, first, last, email, phone, company, domain in rows
    }


def mail_time(user: User, book: PolicyBook, at: datetime, *, urgent: bool = False, digest_s: int = DIGEST_S) -> datetime:
    """When a mail to this person may leave: in their working hours, at the end of the window in which mails are gathered."""
    if urgent and user.mail_urgent_any_time:
        return at
    opens = next_open(book.hours_of(user.pk), at)
    return opens if opens > at else _window_end(at, digest_s)


@lru_cache(maxsize=1024)
def _window_end(at: datetime, seconds: int) -> datetime:
    """The end of the common window `at` lies in, so that messages of one burst fall due together."""
    if not seconds:
        return at
    passed = int(at.timestamp()) // seconds
    return datetime.fromtimestamp((passed + 1) * seconds, tz=UTC)


def tell(
    users: Iterable[User], *, key: str, kind: str, payload: dict[str, Any], book: PolicyBook, at: datetime, channels: Sequence[str] = (INAPP, MAIL),
    handoff: Handoff | None = None, after: timedelta = timedelta(0), digest_s: int = DIGEST_S,
) -> Iterator[Message]:  # fmt: skip
    """One message for each person and channel; `after` holds all of them back for a while."""
    for user in users:
        if INAPP in channels:
            yield Message(
                key=f"{key}:{INAPP}:{user.pk}", kind=kind, channel=INAPP, payload=payload, recipient_id=user.pk, due_at=at + after,
                handoff_id=handoff.pk if handoff else None, epoch=handoff.epoch if handoff else None,
            )  # fmt: skip
        if MAIL in channels and user.mail_handoffs:
            yield Message(
                key=f"{key}:{MAIL}:{user.pk}", kind=kind, channel=MAIL, payload=payload, recipient_id=user.pk,
                due_at=max(mail_time(user, book, at, digest_s=digest_s), at + after), handoff_id=handoff.pk if handoff else None,
                epoch=handoff.epoch if handoff else None, digest_key=f"{user.pk}:{MAIL}:{kind}" if digest_s else "",
            )  # fmt: skip


class Address(NamedTuple):
    """Where a step's message to one person goes, and when it may leave."""

    channel: str
    user_id: int
    due_at: datetime
    urgent: bool
    digest_key: str


class Addresses:
    """To whom fired steps speak at `at`, worked out once for each owner and steps: a burst has thousands of clocks alike."""

    def __init__(self, people: People, book: PolicyBook, at: datetime) -> None:
        self.people, self.book, self.at = people, book, at
        self._of: dict[tuple[int | None, ...], list[tuple[Rung, list[Address]]]] = {}

    def of(self, owner_id: int | None, rungs: Sequence[Rung]) -> list[tuple[Rung, list[Address]]]:
        """By step, the gravest first: each person once a channel, by the gravest step that speaks to them."""
        key = (owner_id, *map(id, rungs))  # the book keeps its rungs, and to hash their values takes longer than the rest
        if key not in self._of:
            told: set[tuple[int, str]] = set()
            ordered = sorted(rungs, key=lambda rung: GRAVITY.get(rung.action, 0), reverse=True)
            self._of[key] = [(rung, list(self._by(rung, owner_id, told))) for rung in ordered]
        return self._of[key]

    def _by(self, rung: Rung, owner_id: int | None, told: set[tuple[int, str]]) -> Iterator[Address]:
        for user in self.people.of(rung.audience, owner_id):
            for channel in rung.channels:
                if (user.pk, channel) in told or (channel == MAIL and rung.action == "remind" and not user.mail_reminders):
                    continue
                told.add((user.pk, channel))
                due, digest = self.at, ""
                if channel == MAIL:
                    due = mail_time(user, self.book, self.at, urgent=rung.urgent, digest_s=rung.digest_s or DIGEST_S)
                    digest = "" if rung.urgent else f"{user.pk}:{MAIL}:{STEP}"
                yield Address(channel, user.pk, due, rung.urgent, digest)


def step_messages(matter: Matter, timer: Due, rungs: Sequence[Rung], *, addresses: Addresses) -> Iterator[Message]:
    """What the fired steps of one clock tell."""
    owner, promised = addresses.people.name_of(matter.owner_id), timer.due_at.isoformat()
    for rung, told in addresses.of(matter.owner_id, rungs):
        payload = matter.facts | {"clock": timer.kind, "action": rung.action, "owner": owner, "promised": promised}
        key = f"{timer.pk}:{timer.epoch}:{rung.code}"
        if rung.action in STEP_EVENTS:
            yield Message(
                key=key, kind=STEP, channel=WEBHOOK, payload=payload | {"event": STEP_EVENTS[rung.action]}, handoff_id=timer.handoff_id,
                timer_id=timer.pk, epoch=timer.epoch,
            )  # fmt: skip
        for one in told:
            yield Message(
                key=f"{key}:{one.channel}:{one.user_id}", kind=STEP, channel=one.channel, payload=payload, recipient_id=one.user_id,
                due_at=one.due_at, handoff_id=timer.handoff_id, timer_id=timer.pk, epoch=timer.epoch, urgent=one.urgent,
                digest_key=one.digest_key,
            )  # fmt: skip


def spaced(messages: Sequence[Message], *, at: datetime) -> list[Message]:
    """The messages of clocks, with mails that come too soon after another on the same lead to the same person put off; a breach is not."""
    can_wait = [one for one in messages if one.channel == MAIL and one.kind == STEP and one.payload.get("action") != "breach"]
    if not can_wait:
        return list(messages)
    earlier = Outbox.objects.filter(handoff_id__in={one.handoff_id for one in can_wait}, channel=MAIL, due_at__gt=at - COOL_DOWN)
    latest: dict[tuple[int | None, int | None], datetime] = {}
    for handoff_id, recipient_id, due_at in earlier.exclude(state="dropped").values_list("handoff_id", "recipient_id", "due_at"):
        latest[handoff_id, recipient_id] = max(due_at, latest.get((handoff_id, recipient_id), due_at))
    waits = {id(one): latest.get((one.handoff_id, one.recipient_id)) for one in can_wait}
    return [
        one._replace(due_at=max(one.due_at or at, last + COOL_DOWN)) if (last := waits.get(id(one))) is not None else one
        for one in messages
    ]


GRAVITY = {"remind": 1, "escalate": 2, "breach": 3}
STEP_EVENTS = {"remind": "handoff.due_soon", "breach": "handoff.overdue", "escalate": "handoff.escalated"}


# Words


def _when(text: str | None, zone: ZoneInfo) -> str:
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(zone)
    return f"{at:%a %-d %b, %H:%M} {at.tzname()}"


def _zone(row: Outbox) -> ZoneInfo:
    return row.recipient.zone if row.recipient else ZoneInfo("UTC")


def _name(payload: dict[str, Any]) -> str:
    return f"{payload['lead']}, {payload['company']}" if payload.get("company") else str(payload["lead"])


def _link(payload: dict[str, Any]) -> str:
    return f"/handoffs/{payload['handoff']}/"


def _digest(rows: Sequence[Outbox], subject: str, title: str, each: Sequence[str], url: str) -> Rendered:
    lines = tuple((words, _link(row.payload)) for words, row in zip(each, rows, strict=True))
    return Rendered(
        subject=subject,
        title=title,
        text=title + ".",
        url=url,
        lines=lines,
        action="Open your inbox" if url == "/inbox/" else "Open",
    )


def _offered(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{_name(row.payload)}: {row.payload['why'] or 'met the agreed criteria'} ({row.payload['score']} points)"
        + (f", answer by {_when(row.payload['due'], zone)}" if row.payload.get("due") else "")
        for row in rows
    ]
    links = [link_of(row) for row in rows]
    if len(rows) > 1:
        title = f"{len(rows)} leads are offered to you"
        return replace(_digest(rows, title, title, each, "/inbox/"), answers=tuple(("", link) for link in links))
    payload = rows[0].payload
    answers = (("Accept", links[0]), ("Reject", f"{links[0]}?answer=reject")) if links[0] else ()
    return Rendered(
        "A lead is offered to you", f"{_name(payload)} is offered to you", each[0], _link(payload), action="Open the packet",
        answers=answers,
    )  # fmt: skip


def _step(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [_step_words(row.payload, row.recipient_id, zone) for row in rows]
    overdue = sum(row.payload["action"] != "remind" for row in rows)
    if len(rows) > 1:
        title = (
            f"{len(rows)} hand-offs need attention, {overdue} past their time"
            if overdue
            else f"{len(rows)} hand-offs are due soon"
        )
        return _digest(rows, title, title, each, "/inbox/")
    payload = rows[0].payload
    subject = "A hand-off is past its time" if overdue else "A hand-off is due soon"
    return Rendered(subject, f"{_name(payload)}: {'past its time' if overdue else 'due soon'}", each[0], _link(payload))


def _step_words(payload: dict[str, Any], recipient_id: int | None, zone: ZoneInfo) -> str:
    promise, promised = PROMISES.get(payload["clock"], payload["clock"]), _when(payload["promised"], zone)
    whose = f" It is with {payload['owner']}." if payload.get("owner") else ""
    if payload["action"] == "remind":
        return f"{_name(payload)}: please {promise} by {promised}.{whose}"
    return f"{_name(payload)}: the time to {promise} ended {promised}.{whose}"


def _answered(rows: Sequence[Outbox]) -> Rendered:
    each = [f"{row.payload['actor']} rejected {_name(row.payload)}: {row.payload['reason']}" for row in rows]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} leads were rejected", f"{len(rows)} leads were rejected", each, "/rejections/")
    payload = rows[0].payload
    note = f" “{payload['note']}”" if payload.get("note") else ""
    return Rendered("A lead was rejected", f"{_name(payload)} was rejected", each[0] + note, _link(payload), action="Review it")


def _moved(rows: Sequence[Outbox]) -> Rendered:
    each = [
        f"{row.payload['actor']} {DONE.get(row.payload['verb'], 'moved')} {_name(row.payload)}" + _to(row.payload) for row in rows
    ]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} leads left your inbox", f"{len(rows)} leads left your inbox", each, "/inbox/")
    return Rendered("A lead left your inbox", f"{_name(rows[0].payload)} left your inbox", each[0] + ".", "/inbox/")


def _to(payload: dict[str, Any]) -> str:
    words = f" to {payload['to']}" if payload.get("to") else ""
    return words + (f": {payload['reason']}" if payload.get("reason") else "")


def _nudged(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{row.payload['actor']} asks you to {PROMISES[row.payload['clock']]}: {_name(row.payload)}"
        + (f", due {_when(row.payload['due'], zone)}" if row.payload.get("due") else "")
        for row in rows
    ]
    if len(rows) > 1:
        title = f"You are asked about {len(rows)} of your leads"
        return _digest(rows, title, title, each, "/inbox/")
    payload = rows[0].payload
    return Rendered(
        "You are asked about one of your leads", f"{payload['actor']} asks about {_name(payload)}", each[0] + ".", _link(payload)
    )


def _resumed(rows: Sequence[Outbox]) -> Rendered:
    zone = _zone(rows[0])
    each = [
        f"{_name(row.payload)} is on hold no longer: please {PROMISES[row.payload['clock']]} by {_when(row.payload['promised'], zone)}."
        for row in rows
    ]
    if len(rows) > 1:
        title = f"{len(rows)} of your leads are on hold no longer"
        return _digest(rows, title, title, each, "/inbox/")
    title = "One of your leads is on hold no longer"
    return Rendered(title, f"{_name(rows[0].payload)} is on hold no longer", each[0], _link(rows[0].payload))


def _interest(rows: Sequence[Outbox]) -> Rendered:
    each = [_interest_words(row.payload) for row in rows]
    if len(rows) > 1:
        return _digest(
            rows, f"New interest of {len(rows)} of your leads", f"New interest of {len(rows)} of your leads", each, "/inbox/"
        )
    return Rendered(
        "New interest of one of your leads", f"{_name(rows[0].payload)} shows new interest", each[0], _link(rows[0].payload)
    )


def _interest_words(payload: dict[str, Any]) -> str:
    if "did" not in payload:
        return f"{_name(payload)} met the criteria again{' as an MQO' if payload.get('mqo') else ''}: {payload['why']}"
    rose = f"the score is now {payload['now']}" if payload.get("now") else "the score rose"
    return f"{_name(payload)}: {payload['did']}; {rose}" if payload["did"] else f"{_name(payload)}: {rose} with new activity"


# What made an MQO of a lead that did nothing itself, by the cause of its qualification.
REGRADED_BY = {"activation": "the criteria changed", "facts": "what is known about it changed", "time": "time passed"}


def _regraded(rows: Sequence[Outbox]) -> Rendered:
    each = [
        f"{_name(row.payload)} counts as an MQO now because {REGRADED_BY.get(row.payload['cause'], 'its facts were imported')}, "
        f"not because of anything it did: {row.payload['why']}"
        for row in rows
    ]
    if len(rows) > 1:
        return _digest(
            rows, f"{len(rows)} of your leads count as MQOs now", f"{len(rows)} of your leads count as MQOs now", each, "/inbox/"
        )
    title = f"{_name(rows[0].payload)} counts as an MQO now"
    return Rendered("One of your leads counts as an MQO now", title, each[0], _link(rows[0].payload))


def _disputed(rows: Sequence[Outbox]) -> Rendered:
    each = [f"{row.payload['actor']} disputes the rejection of {_name(row.payload)}: {row.payload['note']}" for row in rows]
    if len(rows) > 1:
        return _digest(rows, f"{len(rows)} rejections are disputed", f"{len(rows)} rejections are disputed", each, "/rejections/")
    return Rendered(
        "A rejection is disputed", f"The rejection of {_name(rows[0].payload)} is disputed", each[0], _link(rows[0].payload)
    )


def _withdrawn(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    text = f"{_name(payload)}: the time to {PROMISES.get(payload['clock'], payload['clock'])} was kept after all; it was logged later."
    return Rendered("A breach is withdrawn", f"{_name(payload)} was in time", text, _link(payload))


# Whether it still makes sense


def _offer_stands(row: Outbox) -> bool:
    """The person still has it before them and has not opened it in the portal meanwhile."""
    return Handoff.objects.filter(
        pk=row.handoff_id or 0, owner_id=row.recipient_id, state=HandoffState.OFFERED, seen_at=None
    ).exists()


def _clock_stands(row: Outbox) -> bool:
    states = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)
    return SlaTimer.objects.filter(pk=row.timer_id or 0, epoch=row.epoch or 0, state__in=states).exists()


def _answer_stands(row: Outbox) -> bool:
    return Handoff.objects.filter(pk=row.handoff_id or 0, epoch=row.epoch or 0, state__in=TERMINAL).exists()


def _dispute_stands(row: Outbox) -> bool:
    """The verdict was not taken back."""
    return RejectionReview.objects.filter(pk=row.payload.get("review") or 0).exists()


def _nudge_stands(row: Outbox) -> bool:
    """Whoever was asked has it still and has done nothing about it since."""
    wanted = HandoffState.OFFERED if row.payload.get("clock") == ClockKind.ACCEPT else HandoffState.ACCEPTED
    return Handoff.objects.filter(pk=row.handoff_id or 0, owner_id=row.recipient_id, state=wanted).exists()


def _is_open(row: Outbox) -> bool:
    return Handoff.objects.filter(pk=row.handoff_id or 0, state__in=OPEN).exists()


def register_kinds() -> None:
    """Make the outbox know this app's messages and work; called once, when the app is ready."""
    from handoff.heavy import do_step

    register(OFFERED, Kind("Offer", _offered, _offer_stands, sample=SAMPLE))
    register(STEP, Kind("Deadline", _step, _clock_stands, sample=SAMPLE))
    register(ANSWERED, Kind("Rejection", _answered, _answer_stands))
    register(MOVED, Kind("Reassignment", _moved))
    register(INTEREST, Kind("New interest", _interest, _is_open, sample=SAMPLE))
    register(REGRADED, Kind("Changed grade", _regraded, _is_open, sample=SAMPLE))
    register(DISPUTED, Kind("Dispute", _disputed, _dispute_stands, sample=SAMPLE))
    register(NUDGED, Kind("Nudge", _nudged, _nudge_stands, sample=SAMPLE))
    register(RESUMED, Kind("End of a hold", _resumed, _nudge_stands, sample=SAMPLE))
    register(WITHDRAWN, Kind("Breach withdrawn", _withdrawn))
    register(WORK, Kind("Step of a policy", handle=do_step))


# An invented hand-off, for trying the texts of mails while there is no real one.
SAMPLE = {
    "handoff": 1, "lead": "Ivy Okafor", "company": "Northwind Freight", "why": "Requested a demo", "score": 82, "due": "2026-06-08T14:00:00+00:00",
    "promised": "2026-06-08T14:00:00+00:00", "clock": "accept", "action": "breach", "owner": "Rita Reynolds", "actor": "Mona Meyer",
    "reason": "Too small", "note": "Four people", "did": "Requested a demo", "now": 90, "cause": "time", "epoch": 0,
}  # fmt: skip
