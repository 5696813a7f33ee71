"""What leads did, written in bulk; the same event sent twice is one activity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from leads.choices import ACTIVITY_KINDS
from leads.copying import copy
from leads.intake import store
from leads.intake.incoming import IncomingActivity, Problem
from leads.intake.reading import shown, storable
from leads.intake.record import TRUSTED_HISTORY, Context
from leads.labels import label_of
from leads.models import Asset


@dataclass(frozen=True, slots=True)
class Did:
    """An activity of a known lead; `item` numbers the item of the batch it came with, `place` is where in the item it stands."""

    item: int
    lead_id: int
    activity: IncomingActivity
    source: str
    campaign_id: int | None
    place: str = ""


def assets_for(activities: Iterable[IncomingActivity]) -> dict[str, int]:
    """Ids of the assets named, by key; no query when none is."""
    keys = {activity.asset for activity in activities if activity.asset}
    return dict(Asset.objects.filter(key__in=keys).values_list("key", "pk")) if keys else {}


@dataclass(frozen=True, slots=True)
class Written:
    """Which items brought something new, which an event that is another lead's, and which a kind that no lead ever had."""

    new: frozenset[int]
    others: Mapping[int, Problem]
    notes: Sequence[tuple[int, Problem]] = ()


def write(did: Sequence[Did], assets: dict[str, int], context: Context) -> Written:
    """Store what is not stored yet.

    A trusted history counts from when its events happened; else they count from now on. An event is known by its source and
    the id there; of a key that names no source the key itself is one, so that two systems cannot take each other's ids.
    """
    at, is_trusted = context.at, context.channel in TRUSTED_HISTORY
    nameless = f"api-{context.api_key_id}" if context.api_key_id else ""
    sources = [one.activity.source or one.source or nameless for one in did]
    keyed = sorted({(source, one.activity.source_id) for one, source in zip(did, sources, strict=True) if one.activity.source_id})
    known = store.known_activities(keyed) if keyed else {}
    stored = set(known)
    new: set[int] = set()
    others: dict[int, Problem] = {}
    rows: list[tuple[object, ...]] = []
    stored_now: list[Did] = []
    for one, source in zip(did, sources, strict=True):
        activity = one.activity
        if activity.source_id:
            whose = known.setdefault((source, activity.source_id), one.lead_id)
            if whose != one.lead_id:
                words = f"“{shown(activity.source_id)}” of “{source}” is known already, of another lead: {whose}."
                others[one.item] = Problem("other_leads_activity", "source_id", activity.source_id, words)
                continue
            if (source, activity.source_id) in stored:
                continue
            stored.add((source, activity.source_id))
        new.add(one.item)
        stored_now.append(one)
        rows.append(
            (
                one.lead_id,
                activity.kind,
                assets.get(activity.asset),
                None if activity.campaign_unknown else activity.campaign_id or one.campaign_id,
                activity.occurred_at,
                at,
                activity.occurred_at if is_trusted else at,
                storable(activity.properties),
                source,
                activity.source_id,
            )
        )
    if rows:
        rows.sort(key=lambda row: (str(row[8]), str(row[9])))
        copy("leads_activity", store.ACTIVITY_COLUMNS, rows)
    return Written(frozenset(new), others, _notes_of_new_kinds(stored_now, at))


def _notes_of_new_kinds(did: Sequence[Did], at: datetime) -> list[tuple[int, Problem]]:
    """A note on each activity of a kind that no lead ever had: one's own kinds are welcome, a slip of the pen is told."""
    own = sorted({one.activity.kind for one in did} - ACTIVITY_KINDS.keys())
    new = set(store.first_of_kinds(own, at)) if own else set()
    if new:
        new -= set(Asset.objects.filter(kind__in=new).values_list("kind", flat=True))
    return [(one.item, _new_kind(one)) for one in did if one.activity.kind in new]


def _new_kind(one: Did) -> Problem:
    kind = one.activity.kind
    near = get_close_matches(kind, ACTIVITY_KINDS, n=1, cutoff=0.75)
    meant = f" If “{near[0]}” is meant, no criterion that counts it counts this." if near else ""
    return Problem("new_kind", f"{one.place}kind", kind, f"{label_of('kind')}: “{kind}” is new: no lead had it before.{meant}")
