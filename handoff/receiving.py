"""What becomes of leads that would qualify now, as `open_handoffs` will find them: who gets no hand-off of their own."""

from collections import Counter
from collections.abc import Collection

from django.db.models import Exists, OuterRef

from handoff.actions.opening import FROM_STAGES, UNSETTLED
from handoff.models import Handoff
from handoff.states import OPEN, HandoffState
from leads.choices import Stage
from leads.models import Lead


def no_handoff(lead_ids: Collection[int]) -> list[tuple[str, int]]:
    """Why some of these leads would get no hand-off of their own, and how many; the most first. One query."""
    own = Handoff.objects.filter(lead_id=OuterRef("pk"))
    in_work = Exists(own.filter(state__in=OPEN))
    in_review = Exists(own.filter(UNSETTLED, state=HandoffState.REJECTED))
    rows = Lead.objects.filter(pk__in=lead_ids).order_by().annotate(in_work=in_work, in_review=in_review)
    found = Counter(_why(*row) for row in rows.values_list("in_work", "in_review", "stage"))
    del found[""]
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def _why(in_work: bool, in_review: bool, stage: str) -> str:
    if in_work:
        return "Join the hand-off that sales has open for them"
    if in_review:
        return "Wait until marketing has settled their rejection"
    return "" if stage in FROM_STAGES else f"Wait while their stage is {Stage(stage).label}"
