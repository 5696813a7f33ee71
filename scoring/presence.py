"""Who has a draft open, who edits what, and who leads the meeting at which row. A poll tells; nothing here is a rule."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from leads.errors import NotFound
from leads.models import User
from scoring.models import ModelVersion, Presence

HERE = timedelta(seconds=20)
LEADS_FOR = timedelta(seconds=60)  # after the leader was last here; then the lead is anybody's, and theirs no more
WRITE_AFTER = timedelta(seconds=10)


def seen_at(version: ModelVersion, user: User, row: str, now: datetime) -> list[Presence]:
    """Note that `user` is here (written at most every 10 s) and answer who was in the last minute, the leader first.

    `row` is the criterion the person is at; it is kept for the leader alone, whose every step is written. `edits` of those
    answered says what they edit now.
    """
    known = Presence.objects.filter(version=version, last_seen__gt=now - LEADS_FOR).select_related("user")
    people = {one.user_id: one for one in known}
    own = people.get(user.pk)
    if own is None:
        own, _ = Presence.objects.update_or_create(version=version, user=user, defaults=_new(now))
        people[user.pk] = own
    elif now - own.last_seen >= WRITE_AFTER or (own.leads_meeting and row and own.row != row):
        own.last_seen, own.row = now, row if own.leads_meeting else ""
        own.save(update_fields=["last_seen", "row"])
    for one in people.values():
        if one.edits_seen is None or now - one.edits_seen >= HERE:
            one.edits = ""
    return sorted(people.values(), key=lambda one: (not one.leads_meeting, one.user.full_name, one.user_id))


def still_here(people: Sequence[Presence], now: datetime) -> list[Presence]:
    """Those of `seen_at` who did not leave since."""
    return [one for one in people if now - one.last_seen < HERE]


def _new(now: datetime) -> dict[str, Any]:
    """What is noted of somebody who comes, or comes back after a while: what they did before they left is over."""
    return {"last_seen": now, "leads_meeting": False, "row": "", "edits": "", "edits_seen": None}


def edits_at(version: ModelVersion, user: User, part: str, now: datetime) -> list[Presence]:
    """Note that `user` has the editor of `part` (in words) open, and so is here; answer who else has the same one open."""
    own = Presence.objects.filter(version=version, user=user)
    known = own.filter(last_seen__gt=now - LEADS_FOR)
    if not known.filter(edits=part[:140], edits_seen__gt=now - WRITE_AFTER).exists():
        noted = {"last_seen": now, "edits": part[:140], "edits_seen": now}
        if not known.update(**noted):
            Presence.objects.update_or_create(version=version, user=user, defaults=_new(now) | noted)
    others = Presence.objects.filter(version=version, edits=part[:140], edits_seen__gt=now - HERE).exclude(user=user)
    return list(others.select_related("user").order_by("user__full_name", "user_id"))


def edits_no_more(version: ModelVersion, user: User) -> None:
    """The editor was closed."""
    Presence.objects.filter(version=version, user=user).exclude(edits="").update(edits="", edits_seen=None)


def leader_of(people: Sequence[Presence]) -> Presence | None:
    return next((one for one in people if one.leads_meeting), None)


def digest(people: Sequence[Presence]) -> str:
    """A short mark that changes when somebody comes, goes, edits something else, or the leader moves on."""
    text = "|".join(f"{one.user_id}:{one.row if one.leads_meeting else '-'}:{one.edits}" for one in people)
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
