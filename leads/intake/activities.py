"""What leads did, written in bulk; the same event sent twice is one activity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from leads.copying import copy
from leads.intake import store
from leads.intake.incoming import IncomingActivity
from leads.intake.reading import storable
from leads.models import Asset


@dataclass(frozen=True, slots=True)
class Did:
    """An activity of a known lead; `item` numbers the item of the batch it came with."""

    item: int
    lead_id: int
    activity: IncomingActivity
    source: str
    campaign_id: int | None


def assets_for(activities: Iterable[IncomingActivity]) -> dict[str, int]:
    """Ids of the assets named, by key; no query when none is."""
    keys = {activity.asset for activity in activities if activity.asset}
    return dict(Asset.objects.filter(key__in=keys).values_list("key", "pk")) if keys else {}


def write(did: Sequence[Did], assets: dict[str, int], *, at: datetime, known_when_occurred: bool) -> dict[int, int]:
    """Store what is not stored yet; returns how many are new by number of the item.

    `known_when_occurred`: a trusted history, whose events counted from when they happened; else they count from now on.
    """
    keyed = sorted({(one.activity.source or one.source, one.activity.source_id) for one in did if one.activity.source_id})
    known = store.known_activities(keyed) if keyed else set()
    new: dict[int, int] = {}
    rows: list[tuple[object, ...]] = []
    for one in did:
        activity = one.activity
        source = activity.source or one.source
        if activity.source_id:
            if (source, activity.source_id) in known:
                continue
            known.add((source, activity.source_id))
        new[one.item] = new.get(one.item, 0) + 1
        rows.append(
            (
                one.lead_id,
                activity.kind,
                assets.get(activity.asset),
                activity.campaign_id or one.campaign_id,
                activity.occurred_at,
                at,
                activity.occurred_at if known_when_occurred else at,
                storable(activity.properties),
                source,
                activity.source_id,
            )
        )
    if rows:
        rows.sort(key=lambda row: (str(row[8]), str(row[9])))
        copy("leads_activity", store.ACTIVITY_COLUMNS, rows)
    return new
