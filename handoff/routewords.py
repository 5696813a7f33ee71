"""Why this rep: the explanation stored with an assignment, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from handoff.models import Handoff
from leads.templatetags.dates import minute_words


@dataclass(frozen=True, slots=True)
class Considered:
    """Somebody who was looked at."""

    name: str
    words: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """How a hand-off came to whoever has it. `decided` is empty where nothing was stored."""

    decided: str
    candidates: tuple[Considered, ...] = ()
    skipped: tuple[Considered, ...] = ()


def routed(handoff: Handoff) -> Routed:
    """The stored explanation in words; a person's reassignment comes first, as it decided last."""
    stored: Mapping[str, Any] = handoff.routing if isinstance(handoff.routing, dict) else {}
    if not stored.get("name") and not stored.get("moved"):
        return Routed("")
    candidates = [
        Considered(
            str(one.get("name", "")), f"{one.get('open', 0)} of {one.get('cap', 0)} open", one.get("id") == stored.get("rep")
        )
        for one in stored.get("candidates", ())
    ]
    rest = int(stored.get("candidates_total", 0)) - len(candidates)
    if rest > 0:
        candidates.append(Considered(f"{rest} more", "could take it too"))
    skipped = [Considered(str(one.get("name", "")), _why(one)) for one in stored.get("skipped", ())]
    rest = int(stored.get("skipped_total", 0)) - len(skipped)
    if rest > 0:
        skipped.append(Considered(f"{rest} more", "could not"))
    return Routed(_decided(stored), tuple(candidates), tuple(skipped))


def _why(skipped: Mapping[str, Any]) -> str:
    """Why somebody was passed over; an absence with the minute of its end where the reader is."""
    until = f" until {minute_words(timezone.localtime(datetime.fromisoformat(skipped['until'])))}" if skipped.get("until") else ""
    return f"{skipped.get('why', '')}{until}"


def _decided(stored: Mapping[str, Any]) -> str:
    name, total = stored.get("name", ""), int(stored.get("candidates_total", 0))
    first = ""
    if stored.get("decided_by") == "account owner":
        first = f"{name} owns the account and could take it."
    elif name:
        first = f"It was {name}'s turn among {total} rep{'' if total == 1 else 's'} who could take it."
    moved = stored.get("moved")
    if not isinstance(moved, dict):
        return first
    reason = f": {moved['reason']}" if moved.get("reason") else ""
    return f"{moved.get('by', 'A manager')} gave it over{reason}." + (f" Before that: {first}" if first else "")
