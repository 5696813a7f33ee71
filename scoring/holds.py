"""When a lead that meets the model is still not handed to sales: the portal's own bars, beside the model's gates.

A held lead is scored like any other and its qualification waits: once the reason is gone it enters anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from leads.choices import OUTCOME_STAGES, Stage
from leads.models import Lead
from scoring.evaluate_python import Evaluator, Facts, Result

UNREACHABLE = "unreachable"
DISQUALIFIED = "disqualified"
IN_REVIEW = "in_review"
NURTURE = "nurture"
DECIDED = "decided"
HOLD_WORDS = {
    UNREACHABLE: "Cannot be reached",
    DISQUALIFIED: "Disqualified by a person",
    IN_REVIEW: "Rejected, waiting for marketing's review",
    NURTURE: "Recycled, until its day or a new engagement",
    DECIDED: "Decided, until a new engagement",
}

HELD_STAGES = (*OUTCOME_STAGES, Stage.DISQUALIFIED, Stage.REJECTED, Stage.RECYCLED)  # beside who cannot be reached


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead stands in the funnel, as far as it decides whether it may qualify."""

    stage: str
    stage_since: datetime
    contactable: bool
    return_on: date | None


def standings_of(lead_ids: Sequence[int]) -> dict[int, Standing]:
    """Where these leads stand, in one query."""
    rows = Lead.objects.filter(pk__in=lead_ids).order_by().values_list("pk", "stage", "stage_since", "contactable", "return_on")
    return {pk: Standing(stage, since, contactable, back) for pk, stage, since, contactable, back in rows}


def hold_of(standing: Standing, evaluator: Evaluator, facts: Facts, result: Result, as_of: datetime) -> str:
    """Why this lead does not qualify although its score does; "" when nothing holds it."""
    if not result.mql:
        return ""
    if not standing.contactable:
        return UNREACHABLE
    if standing.stage == Stage.DISQUALIFIED:
        return DISQUALIFIED
    if standing.stage == Stage.REJECTED:
        return IN_REVIEW
    if standing.stage == Stage.RECYCLED:
        back = standing.return_on is not None and standing.return_on <= as_of.date()
        return "" if back or result.engagement > 0 else NURTURE
    if standing.stage in OUTCOME_STAGES:
        start = max(filter(None, (standing.stage_since, facts.engagement_from)))
        since = evaluator.evaluate(Facts(facts.values, facts.events, facts.has_activity, start), as_of)
        return "" if since.mql and since.engagement > 0 else DECIDED
    return ""
