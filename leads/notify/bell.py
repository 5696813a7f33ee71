"""What the bell shows: a person's messages in the portal, newest first, and what they have not seen yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from leads.models import Outbox
from leads.notify.registry import kinds

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from leads.models import User

COUNTED = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of the bell."""

    id: int
    title: str
    text: str
    url: str
    at: datetime
    seen: bool


def unread(user: User) -> int:
    """How many messages the person has not seen; counts up to 100."""
    return _mine(user).filter(seen_at=None)[:COUNTED].count()


def latest(user: User, limit: int = 20) -> list[Notice]:
    """The newest messages of a person in words."""
    notices = []
    for row in _mine(user).order_by("-id")[:limit]:
        kind = kinds.get(row.kind)
        if kind is None or kind.render is None:
            continue
        row.recipient = user  # the words are put in their zone
        rendered = kind.render([row])
        notices.append(
            Notice(row.pk, rendered.title, rendered.text, rendered.url, row.sent_at or row.created_at, row.seen_at is not None)
        )
    return notices


def mark_seen(user: User, *, at: datetime, ids: Iterable[int] | None = None, about: int | None = None) -> int:
    """Note that the person saw these messages, those about one hand-off, or all; returns how many were new."""
    rows = _mine(user).filter(seen_at=None)
    if about is not None:
        rows = rows.filter(handoff_id=about)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    return rows.update(seen_at=at)


def _mine(user: User) -> QuerySet[Outbox]:
    return Outbox.objects.filter(recipient=user, channel=Outbox.Channel.INAPP, state=Outbox.State.SENT)
