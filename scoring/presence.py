"""Who has a draft open, and who leads the meeting at which row. A poll tells; nothing here is a rule."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from leads.errors import NotFound
from leads.models import User
from scoring.models import ModelVersion, Presence

HERE = timedelta(seconds=20)
WRITE_AFTER = timedelta(seconds=10)


def seen_at(version: ModelVersion, user: User, row: str, now: datetime) -> list[Presence]:
    """Note that `user` is here (written at most every 10 s) and answer who is, the leader first.

    `row` is the criterion the person is at; it is kept for the leader alone, whose every step is written.
    """
    known = Presence.objects.filter(version=version, last_seen__gt=now - HERE * 3).select_related("user")
    people = {one.user_id: one for one in known}
    own = people.get(user.pk)
    if own is None:
        own, _ = Presence.objects.update_or_create(version=version, user=user, defaults={"last_seen": now})
        people[user.pk] = own
    elif now - own.last_seen >= WRITE_AFTER or (own.leads_meeting and row and own.row != row):
        own.last_seen, own.row = now, row if own.leads_meeting else ""
        own.save(update_fields=["last_seen", "row"])
    here = [one for one in people.values() if now - one.last_seen < HERE]
    return sorted(here, key=lambda one: (not one.leads_meeting, one.user.full_name, one.user_id))


def leader_of(people: Sequence[Presence]) -> Presence | None:
    return next((one for one in people if one.leads_meeting), None)


def digest(people: Sequence[Presence]) -> str:
    """A short mark that changes when somebody comes, goes, or the leader moves on."""
    text = "|".join(f"{one.user_id}:{one.row if one.leads_meeting else '-'}" for one in people)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def lead_meeting(version: ModelVersion, user: User, now: datetime, *, row: str = "") -> None:
    """Make `user` the one whom the others follow; whoever led before no longer does."""
    with transaction.atomic():
        ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        Presence.objects.filter(version=version, leads_meeting=True).update(leads_meeting=False, row="")
        Presence.objects.update_or_create(
            version=version, user=user, defaults={"last_seen": now, "leads_meeting": True, "row": row[:40]}
        )


def stop_leading(version: ModelVersion, user: User) -> None:
    if not Presence.objects.filter(version=version, user=user, leads_meeting=True).update(leads_meeting=False, row=""):
        raise NotFound("You do not lead this meeting.")
