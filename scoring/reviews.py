"""What is on the agenda: models whose next review comes within a week, or is overdue."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from leads import clock
from scoring.models import ScoringModel

SOON = timedelta(days=7)
INVITED = ("scoring.edit_draft", "scoring.activate_version")


@dataclass(frozen=True, slots=True)
class Review:
    """A model's next review, seen from today."""

    on: date
    today: date

    @property
    def days(self) -> int:
        """Days from today on; negative: overdue."""
        return (self.on - self.today).days

    @property
    def is_overdue(self) -> bool:
        return self.days < 0

    @property
    def is_soon(self) -> bool:
        return self.on <= self.today + SOON

    @property
    def words(self) -> str:
        """`today`, `in 3 days`, `overdue by 2 days`."""
        number = abs(self.days)
        unit = "day" if number == 1 else "days"
        return "today" if not number else f"overdue by {number} {unit}" if self.is_overdue else f"in {number} {unit}"


def review_of(model: ScoringModel) -> Review | None:
    """Where the next review of a model stands; None where no day is set."""
    return Review(model.next_review_on, timezone.localdate(clock.at_hand())) if model.next_review_on else None


def review_parts(request: HttpRequest, model: ScoringModel) -> dict[str, Any]:
    """What the card of the next review needs; nothing of a model without a version in force."""
    if model.active_version_id is None:
        return {}
    review = review_of(model)
    return {
        "review": review,
        "review_value": review.on.isoformat() if review else "",
        "may_review": request.user.has_perm("scoring.activate_version"),
        "model_key": model.key,
        "active_pk": model.active_version_id,
    }


def home_card(request: HttpRequest) -> dict[str, Any] | None:
    """Reviews due soon and overdue, for who takes part in them; None without any."""
    if not any(request.user.has_perm(one) for one in INVITED):
        return None
    today = timezone.localdate(clock.at_hand())
    due = ScoringModel.objects.filter(next_review_on__lte=today + SOON, active_version__isnull=False)
    rows = [
        {"model": model, "review": Review(model.next_review_on, today)}
        for model in due.select_related("active_version").order_by("next_review_on", "pk")
        if model.next_review_on is not None
    ]
    return {"rows": rows} if rows else None
