"""What past outcomes last suggested for a draft: beside the points now and what both sides want, as one person may see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from scoring.compiler import criterion_data
from scoring.models import CriterionComment, ModelVersion
from scoring.spec import canonical
from scoring.workshop import Row, Workshop

HISTORY = CriterionComment.Kind.HISTORY
_ASKED = ("shape", "when", "event", "days", "freq_min")


def question_of(criterion: Mapping[str, Any]) -> str:
    """Changes when a criterion, given as in a spec, hits other leads: what was suggested for it before no longer holds."""
    return sha256(canonical({name: criterion.get(name) for name in _ASKED}).encode()).hexdigest()


def last_suggestions(version: ModelVersion) -> dict[int, CriterionComment]:
    """The newest suggestion for each criterion, by the criterion's id. One query."""
    told = CriterionComment.objects.filter(criterion__version=version, kind=HISTORY).select_related("resolved_by")
    return {one.criterion_id: one for one in told.order_by("criterion_id", "-pk").distinct("criterion_id")}


def is_usable(comment: CriterionComment, criterion: Mapping[str, Any]) -> bool:
    """Whether a suggestion is open and gives the criterion, as it is now, other points."""
    told = comment.payload
    return (
        comment.kind == HISTORY
        and comment.resolved_at is None
        and told.get("points") not in (None, criterion["points"])
        and told.get("question") == question_of(criterion)
    )


@dataclass(slots=True)
class Suggested:
    """A criterion with what was suggested for it; `note` says why there is nothing to use, or what became of it."""

    row: Row
    comment: CriterionComment | None
    is_usable: bool = False
    note: str = ""

    @property
    def told(self) -> dict[str, Any]:
        return self.comment.payload if self.comment else {}

    @property
    def is_against_both(self) -> bool:
        """Whether the sign is the opposite of what both sides want, as far as the reader may know that."""
        points = self.told.get("points") or 0
        return all((one.points or 0) * points < 0 for one in self.row.talk.views)


@dataclass(slots=True)
class SuggestedPoints:
    """All that was suggested for a draft; `shared` are the figures of the last time it was asked, None before."""

    rows: list[Suggested]
    shared: dict[str, Any] | None
    as_of: datetime | None

    @property
    def usable(self) -> int:
        return sum(one.is_usable for one in self.rows)


def suggested_points(version: ModelVersion, shop: Workshop) -> SuggestedPoints:
    """Of every criterion of the draft, in the order of the page. One query."""
    told = last_suggestions(version)
    rows = [_suggested(row, told.get(row.stored.pk)) for row in shop.rows.values()]
    newest = max(told.values(), key=lambda one: one.payload["shared"]["asked_at"], default=None)
    shared = newest.payload["shared"] if newest else None
    return SuggestedPoints(rows, shared, datetime.fromisoformat(shared["as_of"]) if shared else None)


def _suggested(row: Row, comment: CriterionComment | None) -> Suggested:
    if comment is None:
        return Suggested(row, None, note="It was not there when history was asked.")
    now, told = criterion_data(row.stored), comment.payload
    found = Suggested(row, comment, is_usable(comment, now))
    if told["question"] != question_of(now):
        found.note = "What it asks was changed since. Ask history again."
    elif told["points"] is None:
        found.note = told["refusal"]
    elif told["points"] == now["points"]:
        found.note = "As it is now."
    elif comment.resolved_at is not None:
        found.note = f"Set aside{f' by {comment.resolved_by}' if comment.resolved_by else ''}."
    return found
