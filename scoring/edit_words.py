"""Edits of a draft in words: what one changed, and how the part reads now."""

from typing import Any

from scoring.actions.drafting import changed_fields, thing_of
from scoring.describe import CriterionRow, Described
from scoring.models import DraftEvent
from scoring.spec import DIMENSIONS

_NAMES = {
    "label": "name",
    "why": "reason",
    "when": "what is asked",
    "event": "what counts",
    "days": "days",
    "award": "how often it pays",
    "freq_min": "least number",
    "freq_max": "most that count",
    "half_life": "half-life",
    "dimension": "what it counts for",
}


def detail_of(edit: DraftEvent) -> str:
    """What an edit changed: `points 15 → 20, cap – → 30`; "" for what has no fields."""
    if edit.verb == "set_decision":
        return _edges_in_words(edit.before, edit.after)
    if edit.verb == "set_bounds":
        return _bounds_in_words(edit.before or {}, edit.after or {})
    if (
        thing_of(edit.verb) not in ("criterion", "group", "gate")
        or not (edit.before and edit.after)
        or edit.verb == "move_criterion"
    ):
        return ""
    found = []
    for name in sorted(changed_fields(edit)):
        before, after = edit.before.get(name), edit.after.get(name)
        plain = all(one is None or isinstance(one, int | str) for one in (before, after))
        found.append(f"{_NAMES.get(name, name)} {_short(before)} → {_short(after)}" if plain else _NAMES.get(name, name))
    return ", ".join(found)


def _edges_in_words(before: Any, after: Any) -> str:
    """Which tiers begin elsewhere by an edit of the decision: `B from 40 → 50`, or `sum → grid`; "" where the tiers are others."""
    kinds = [one.get("kind") if isinstance(one, dict) else None for one in (before, after)]
    if all(kinds) and kinds[0] != kinds[1]:
        return " → ".join("sum" if kind == "total" else str(kind) for kind in kinds)
    if not (isinstance(before, dict) and isinstance(after, dict)) or before.get("tiers") != after.get("tiers"):
        return ""
    edges = zip(after.get("tiers", ())[1:], before.get("edges") or (), after.get("edges") or (), strict=False)
    return ", ".join(f"{tier} from {was} → {now}" for tier, was, now in edges if was != now)


def _bounds_in_words(before: Any, after: Any) -> str:
    """Which bounds an edit changed: `fit at most – → 80`."""
    found = []
    for one in DIMENSIONS:
        for name, words in (("floor", "at least"), ("ceiling", "at most")):
            was, now = ((bounds.get(one) or {}).get(name) for bounds in (before, after))
            if was != now:
                found.append(f"{one} {words} {_short(was)} → {_short(now)}")
    return ", ".join(found)


def stands(described: Described, thing: str, key: str = "") -> list[str]:
    """How a part of a draft reads now, in lines: what who was late chooses against. Empty when it is gone.

    `thing` as `thing_of` names it; `key` of a criterion, gate or group.
    """
    if thing == "criterion":
        rows = [row for block in described.dimensions for row in block.rows if row.key == key]
        return [line for row in rows for line in _reads(row)]
    if thing == "decision":
        return [*described.decision, *(f"Fit {band}: {', '.join(tiers)}" for band, tiers in described.grid)]
    if thing == "scope":
        return [described.scope]
    parts = described.gates if thing == "gate" else described.groups
    return [f"“{one.label}”: {one.problem or one.sentence or 'no bounds'}" for one in parts if one.key == key]


def _reads(row: CriterionRow) -> list[str]:
    said = "; ".join([row.problem or row.sentence, *row.terms, f"{row.points} points", *([row.group] if row.group else [])])
    return [f"“{row.label}”: {said}", *([f"Why: {row.why}"] if row.why else [])]


def _short(value: Any) -> str:
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
