"""Telling everyone concerned what changed, and keeping who has acknowledged it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, NotFound
from leads.models import Notice, NoticeReceipt, Outbox, User
from leads.notify.messages import INAPP, Message, enqueue
from leads.notify.registry import Kind, Rendered, register

KIND = "leads.notice"
REMIND = "leads.remind_notice"


@dataclass(frozen=True, slots=True)
class Told:
    """How a notice stands: everyone told, and those who have yet to acknowledge it."""

    notice: Notice
    everyone: int
    missing: tuple[User, ...]

    @property
    def acknowledged(self) -> int:
        return self.everyone - len(self.missing)


def tell(
    users: Iterable[User],
    *,
    kind: str,
    subject_id: int,
    title: str,
    lines: Sequence[str],
    url: str = "",
    by: User | None = None,
    at: datetime | None = None,
) -> Notice:
    """Tell these people what changed, in the caller's transaction. Who made the change knows of it: theirs is acknowledged."""
    at = at or clock.now()
    notice = Notice.objects.create(kind=kind, subject_id=subject_id, title=title[:200], lines=list(lines), url=url, by=by, at=at)
    some = {user.pk: user for user in users}
    mine = by.pk if by else None
    NoticeReceipt.objects.bulk_create(
        [NoticeReceipt(notice=notice, user_id=pk, acknowledged_at=at if pk == mine else None) for pk in sorted(some)]
    )
    _send(notice, [pk for pk in sorted(some) if pk != mine], at)
    return notice


def acknowledge(notice: Notice, *, actor: User, at: datetime | None = None) -> None:
    """Note that a person has read it. NotFound when it was not told to them, Conflict when they have already."""
    at = at or clock.now()
    with transaction.atomic():
        receipt = NoticeReceipt.objects.filter(notice=notice, user=actor)
        if not receipt.filter(acknowledged_at=None).update(acknowledged_at=at):
            if not receipt.exists():
                raise NotFound("This was not told to you.")
            raise Conflict("You have acknowledged this already.", code="acknowledged")
        seen = Outbox.objects.filter(recipient=actor, kind=KIND, channel=INAPP, seen_at=None, payload__notice=notice.pk)
        seen.update(seen_at=at)


def remind(notice: Notice, *, actor: User, at: datetime | None = None) -> int:
    """Tell those once more who have not acknowledged it; answers how many. At most once a day each."""
    demand(actor, REMIND, to="remind people")
    at = at or clock.now()
    with transaction.atomic():
        open_ones = notice.receipts.select_for_update().filter(acknowledged_at=None)
        due = [one for one in open_ones if one.reminded_at is None or (at - one.reminded_at).days >= 1]
        NoticeReceipt.objects.filter(pk__in=[one.pk for one in due]).update(reminded_at=at)
        _send(notice, [one.user_id for one in due], at)
    return len(due)


def told(kind: str, subject_id: int) -> Told | None:
    """How the notice about a thing stands; None when nobody was told."""
    notice = Notice.objects.filter(kind=kind, subject_id=subject_id).select_related("by").first()
    return standing_of(notice) if notice is not None else None


def standing_of(notice: Notice) -> Told:
    """Who has yet to acknowledge a notice. People who may no longer sign in are left out."""
    receipts = notice.receipts.filter(user__is_active=True)
    missing = receipts.filter(acknowledged_at=None).select_related("user").order_by("user__full_name")
    return Told(notice, receipts.count(), tuple(one.user for one in missing))


def pending(user: User) -> list[Notice]:
    """What a person has yet to acknowledge, newest first."""
    return list(Notice.objects.filter(receipts__user=user, receipts__acknowledged_at=None).select_related("by").distinct())


def _send(notice: Notice, user_ids: Iterable[int], at: datetime) -> None:
    payload = {"notice": notice.pk, "title": notice.title, "text": " ".join(notice.lines)[:500]}
    stamp = int(at.timestamp())
    enqueue(
        [
            Message(key=f"{KIND}:{notice.pk}:{stamp}:{user_id}", kind=KIND, channel=INAPP, payload=payload, recipient_id=user_id)
            for user_id in user_ids
        ],
        at=at,
    )


def _rendered(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    return Rendered(payload["title"], payload["title"], payload["text"], f"/notices/{payload['notice']}/", action="Read")


def register_kind() -> None:
    """Make the outbox know notices; called once, when the app is ready."""
    register(KIND, Kind("Notice", _rendered))
