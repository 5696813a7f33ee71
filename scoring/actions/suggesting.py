"""Evidence from history at each criterion: points past outcomes suggest, kept as comments, used only by who chooses to."""

from dataclasses import asdict
from typing import Any

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.models import User
from scoring.actions.criteria import set_points
from scoring.actions.drafting import EDIT
from scoring.actions.talk import talking
from scoring.compiler import compile_version
from scoring.models import Criterion, CriterionComment, CriterionView, ModelVersion

HISTORY = CriterionComment.Kind.HISTORY


def suggest_points(version: ModelVersion, *, actor: User, goal: str = "won") -> int:
    """Have past outcomes suggest points for every criterion of a draft; what they said before is resolved. Answers how many.

    Each becomes a comment of the kind "history" with all figures; nothing else changes. Raises Invalid with the rule where the
    data does not carry any, Conflict while there is no snapshot.
    """
    demand(actor, EDIT, to="ask what past outcomes suggest")
    # here, not above: no process starts with numpy
    from scoring.column_cache import column_cache
    from scoring.snapshot.keeping import built_at_once, standing
    from scoring.suggest import suggest

    snapshot = standing().snapshot or built_at_once()
    if snapshot is None:
        raise Conflict("The data is being built. Ask again in a moment.", code="building")
    found = suggest(compile_version(version), snapshot, cache=column_cache(), goal="accepted" if goal == "accepted" else "won")
    if found.refusal:
        raise Invalid(found.refusal, code="too_little_history", field="goal", value=goal)
    shared = {name: value for name, value in asdict(found).items() if name not in ("criteria", "refusal")}
    shared |= {"generation": snapshot.number, "as_of": snapshot.as_of.isoformat()}
    views = _wanted(version)
    with transaction.atomic(), talking(version, "suggest_points", actor=actor):
        rows = {row.key: row for row in version.criteria.all()}
        CriterionComment.objects.filter(criterion__version=version, kind=HISTORY, resolved_at=None).update(
            resolved_at=clock.now(), resolved_by=actor
        )
        made = [
            CriterionComment(
                criterion=rows[one.key],
                kind=HISTORY,
                text=_words(asdict(one)),
                payload=asdict(one) | {"against_both": _is_against(one.points, views.get(one.key, [])), "shared": shared},
                created_at=clock.now(),
            )
            for one in found.criteria
            if one.key in rows
        ]
        CriterionComment.objects.bulk_create(made)
    return len(made)


def use_suggestion(comment: CriterionComment, *, actor: User, rev: int) -> Criterion:
    """Give a criterion the points history suggests, and resolve the suggestion. Raises as any edit of points does."""
    points = comment.payload.get("points")
    if comment.kind != HISTORY or points is None:
        raise Invalid("This suggests no points.", code="no_suggestion", field="comment", value=comment.pk)
    with transaction.atomic():
        if not CriterionComment.objects.filter(pk=comment.pk, resolved_at=None).update(
            resolved_at=clock.now(), resolved_by=actor
        ):
            raise Conflict("This suggestion was used or replaced meanwhile.", code="stale")
        return set_points(comment.criterion, points, actor=actor, rev=rev)


def _wanted(version: ModelVersion) -> dict[str, list[int]]:
    """The points each side stated, by criterion."""
    stated: dict[str, list[int]] = {}
    rows = CriterionView.objects.filter(criterion__version=version, points__isnull=False)
    for key, points in rows.values_list("criterion__key", "points"):
        stated.setdefault(key, []).append(points or 0)
    return stated


def _is_against(points: int | None, stated: list[int]) -> bool:
    """Whether the sign is the opposite of what both sides want: then something else may stand behind it."""
    return bool(points) and len(stated) > 1 and all(one * (points or 0) < 0 for one in stated)


def _words(one: dict[str, Any]) -> str:
    if one["points"] is None:
        return f"History suggests nothing: {one['refusal']}"
    return (
        f"History suggests {one['points']:+d} ({one['low']:+d} to {one['high']:+d}), from {one['hits']:,} of {one['rows']:,} leads "
        f"it hit. It is {one['current']:+d} now."
    )
