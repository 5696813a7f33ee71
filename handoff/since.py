"""What became of leads since they were offered: the score they have now, and what they did meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist

from handoff.models import Handoff
from handoff.states import WITH_REP
from leads.models import Activity
from scoring.models import LeadScore, ModelVersion

if TYPE_CHECKING:
    from django.db.models import QuerySet

SHOWN_ACTIVITIES = 5
OWN_SOURCE = "handoff"  # what this layer itself writes into a timeline


@dataclass(frozen=True, slots=True)
class ScoreNow:
    """A lead's score as it is stored now, with the version that gave it."""

    total: int
    tier: int | None
    version: ModelVersion

    @property
    def tier_name(self) -> str:
        names = self.version.decision.get("tiers", [])
        return str(names[self.tier]) if self.tier is not None and self.tier < len(names) else ""

    def __str__(self) -> str:
        return f"{self.total} {self.tier_name}".strip()


def scores_now(handoffs: Iterable[Handoff]) -> dict[int, ScoreNow]:
    """The score of each hand-off's lead by the model it qualified by, else by the first in force; by hand-off id, in one query.

    Needs hand-offs with their qualification; a lead without a score is left out.
    """
    wanted = list(handoffs)
    rows = LeadScore.objects.filter(lead_id__in={one.lead_id for one in wanted}, version__status=ModelVersion.Status.ACTIVE)
    found: dict[tuple[int, int | None], ScoreNow] = {}
    for row in rows.select_related("version").order_by("version__model__position", "version__model_id"):
        score = ScoreNow(row.total, row.tier, row.version)
        found[row.lead_id, row.version.model_id] = score
        found.setdefault((row.lead_id, None), score)
    models = {one.pk: one.qualification.model_id if one.qualification else None for one in wanted}
    scores = {one.pk: found.get((one.lead_id, models[one.pk])) or found.get((one.lead_id, None)) for one in wanted}
    return {pk: score for pk, score in scores.items() if score is not None}


def activities_since(handoff: Handoff) -> QuerySet[Activity]:
    """What the lead did and became known after the packet was frozen, newest first."""
    rows = Activity.objects.filter(lead_id=handoff.lead_id, known_at__gt=_frozen_at(handoff)).exclude(source=OWN_SOURCE)
    return rows.order_by("-occurred_at", "-pk")


def since_offer(handoff: Handoff) -> dict[str, Any] | None:
    """For the packet of a hand-off in somebody's hands: what is new since; None where nothing is. At most three queries."""
    if handoff.state not in WITH_REP or _frozen_at(handoff) is None:
        return None
    rows = activities_since(handoff)
    newest = list(rows.select_related("asset", "campaign")[: SHOWN_ACTIVITIES + 1])
    count = len(newest) if len(newest) <= SHOWN_ACTIVITIES else rows.count()
    score = scores_now([handoff]).get(handoff.pk)
    offered = handoff.packet.content.get("score") or {}
    moved = score is not None and score.total != offered.get("total")
    if not newest and not moved:
        return None
    return {
        "activities": newest[:SHOWN_ACTIVITIES],
        "count": count,
        "more": count - SHOWN_ACTIVITIES,
        "score": score if moved else None,
    }


def _frozen_at(handoff: Handoff) -> Any:
    try:
        return handoff.packet.frozen_at
    except ObjectDoesNotExist:
        return None
