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
    """Note that the person saw these messages, those about one hand-off, or all; returns how many were new.

    Who opens a hand-off has seen what its mails tell, too: there is nothing hidden in a mail that would say when it was opened.
    """
    rows = (_about(user, about) if about is not None else _mine(user)).filter(seen_at=None)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    return rows.update(seen_at=at)


def mark_acted(user: User, about: int, *, at: datetime) -> int:
    """Note that the person did what these messages ask for; returns how many asked."""
    return _about(user, about).filter(acted_at=None).update(acted_at=at)


def take_back(user: User, about: int, *, since: datetime) -> None:
    """What was done `since` then is undone: its messages ask again."""
    _about(user, about).filter(acted_at__gte=since).update(acted_at=None)


def _about(user: User, handoff_id: int) -> QuerySet[Outbox]:
    """What a person was told about one hand-off, by whatever way."""
    return Outbox.objects.filter(handoff_id=handoff_id, recipient=user, state=Outbox.State.SENT)


def _mine(user: User) -> QuerySet[Outbox]:
    return Outbox.objects.filter(recipient=user, channel=Outbox.Channel.INAPP, state=Outbox.State.SENT)
