"""Who is told what about a hand-off, and when. Builds messages, whose words are those of `notice_words`; the outbox delivers them.

In the portal people are told at once. Mail waits for the next opening of the person's own hours, a breach included, unless
the step is urgent and the person wants urgent mail at any hour; what waited is asked again whether it still makes sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from handoff.audience import People
from handoff.businesstime import next_open
from handoff.models import Handoff
from handoff.policybook import PolicyBook
from leads.models import Outbox, User
from leads.models.lead import best_name
from leads.notify.messages import Message

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
