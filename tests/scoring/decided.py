"""Decided leads in the database, of whom the job title and the size of the company say how they ended."""

from datetime import timedelta
from random import Random
from typing import Any

from leads import clock
from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from scoring.compiler import criterion_data
from scoring.models import Criterion, CriterionComment
from scoring.suggested import question_of


def decided_leads(make: Any, count: int, rng: Random) -> None:
    """Half are vice presidents, of whom three in four are won; of large companies fewer are."""
    large, small = make.company(employees=900), make.company(employees=40)
    for number in range(count):
        is_vp, is_large = rng.random() < 0.5, rng.random() < 0.5
        lead = make.lead(job_title="VP Sales" if is_vp else "Clerk", company=large if is_large else small)
        won = rng.random() < 0.35 + 0.4 * is_vp - 0.25 * is_large
        freeze_case(
            lead, kind=CaseKind.DECISION, outcome=Outcome.WON if won else Outcome.LOST,
            decided_at=clock.now() - timedelta(days=7, hours=number),
        )  # fmt: skip


def history_says(criterion: Criterion, points: int) -> CriterionComment:
    """A suggestion as `suggest_points` keeps it."""
    now = clock.now()
    shared = {
        "goal": "won", "rows": 1000, "positive": 250, "held_back": 300, "dated": True, "auc_current": 0.61, "auc_suggested": 0.72,
        "caution": "", "as_of": now.isoformat(), "asked_at": now.isoformat(),
    }  # fmt: skip
    payload = {
        "points": points, "low": points - 3, "high": points + 3, "hits": 120, "rows": 700, "refusal": "",
        "current": criterion.points, "question": question_of(criterion_data(criterion)), "shared": shared,
    }  # fmt: skip
    return CriterionComment.objects.create(
        criterion=criterion, kind="history", text=f"History suggests {points}.", payload=payload, created_at=now
    )
