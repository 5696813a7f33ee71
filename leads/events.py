"""The history of leads, written in bulk: any number of events in one go."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from leads.copying import copy
from leads.models import LeadEvent, User

_COLUMNS = ("lead_id", "kind", "actor_id", "at", "act_id", "changes", "reason")


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to a lead; `changes` are [old, new] by registry key."""

    lead_id: int
    kind: LeadEvent.Kind
    changes: Mapping[str, object]
    reason: str = ""


def write_history(events: Iterable[Happened], *, actor: User | None, at: datetime, act_id: UUID) -> None:
    """Keep these events of one act in the caller's transaction."""
    actor_id = actor.pk if actor else None
    rows = [
        (
            one.lead_id,
            one.kind.value,
            actor_id,
            at,
            act_id,
            json.dumps(one.changes, default=str, separators=(",", ":")),
            one.reason[:200],
        )
        for one in events
    ]
    if rows:
        copy("leads_leadevent", _COLUMNS, rows)
