"""Many leads scored by columns: the same rows as by the reference, whatever a lead is and wherever it stands."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction

from leads import clock
from leads.choices import Stage
from leads.models import ImportRun, Lead, Submission
from leads.revisions import touch_revisions
from scoring import mass, rescoring, waiting
from scoring.models import LeadScore, LeadState, Qualification, ScoreChange
from scoring.rescoring import rescore_all, score_dirty
from scoring.snapshot import building, reading
from tests.builders import Builders
from tests.scoring.conftest import clear_scores
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when
from tests.scoring.test_activation import crowd

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
SIZE = a_test("size", 25, clause("company.employees", "between", low=100))
NEW = a_test("new", 5, clause("lead.created_at", "within_days", days=30))
DEMO = a_tally("demo", 12, "demo_request", days=30, award="each", half_life=10, freq_max=2)
VIEWS = a_tally("views", 4, "page_view", days=14, freq_min=2)
GATE = {"key": "rival", "label": "Rival", "when": when(clause("company.is_competitor", "is", value=True))}
MQO = {"tiers": ["A"], "when": when({"event": {"kinds": ["demo_request"]}, "days": 20, "at_least": 1})}
PARTS: dict[str, Any] = {"gates": [GATE], "decision": TOTAL | {"mqo": MQO}}


@pytest.fixture(autouse=True)
def hands(freeze: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    clear_scores()
    monkeypatch.setattr(waiting, "MANY", 20)
    monkeypatch.setattr(rescoring, "MANY_AT_ONCE", 45)
    # The test is one transaction, which would count as open, and all it does as not read yet.
    own = reading.oldest_open_transaction
    monkeypatch.setattr(reading, "oldest_open_transaction", lambda: own() + 1)
    monkeypatch.setattr(mass, "refresh", building.rebuild)
    return freeze(NOW)


def drain(limit: int = 20) -> None:
    while score_dirty(limit):
        pass


def everything() -> dict[str, Any]:
    """All that scoring wrote, without the keys the database gave and the moments within a day."""
    return {
        "scores": sorted(LeadScore.objects.values_list(), key=repr),
        "changes": sorted(
            ScoreChange.objects.values_list(
                "lead", "version", "at", "cause", "old_fit", "old_engagement", "old_tier", "old_flags", "new_fit", "new_engagement",
                "new_tier", "new_flags",
            ),
            key=repr,
        ),
        "qualifications": sorted(
            Qualification.objects.values_list("lead", "model", "version", "kind", "nth", "cause", "tier", "release_at"), key=repr
        ),
        "revisions": sorted(LeadState.objects.values_list("lead", "rev")),
    }  # fmt: skip


def changes(make: Builders, leads: list[Lead], seed: int) -> None:
    """What the next days bring: events, other companies, other stages, an import not meant for sales, new leads."""
    rng = Random(seed)
    companies = [make.company(employees=number) for number in (20, 700)]
    run = ImportRun.objects.create(file="x.csv", file_name="x.csv", file_size=1, file_hash="0", created_at=NOW)
    for lead in leads:
        what = rng.randrange(6)
        if what == 0:
            make.activity(lead, "demo_request", NOW + timedelta(days=1, hours=rng.randrange(-2, 9)))
        elif what == 1:
            Lead.objects.filter(pk=lead.pk).update(company=rng.choice(companies))
        elif what == 2 and lead.stage in (Stage.PROSPECT, Stage.MQL):
            Lead.objects.filter(pk=lead.pk).update(
                stage=rng.choice([Stage.RECYCLED, Stage.REJECTED]), return_on=date(2026, 6, 20)
            )
        elif what == 3:
            Lead.objects.filter(pk=lead.pk).update(company=rng.choice(companies))
            Submission.objects.create(
                channel="import", kind="lead", lead=lead, received_at=NOW + timedelta(days=1), raw={}, status="created", import_run=run
            )  # fmt: skip
        if what < 4:
            touch_revisions([lead.pk])
    fresh = crowd(make, 10)
    touch_revisions([lead.pk for lead in fresh])


def by_both(
    hands: Any, monkeypatch: pytest.MonkeyPatch, doings: Callable[[], object]
) -> tuple[dict[str, Any], dict[str, Any], list[int]]:
    """What is there when the same is done by the reference and by columns, and how many leads the columns did in each batch."""
    done: list[int] = []
    start = clock.now()
    real = mass.score_by_columns

    def watched(columns: mass.Columns, ids: Any, **more: Any) -> list[int]:
        found = real(columns, ids, **more)
        done.append(len(ids) - len(found))
        return found

    monkeypatch.setattr(mass, "score_by_columns", watched)
    found = []
    for many in (10**9, 20):
        monkeypatch.setattr(waiting, "MANY", many)
        with transaction.atomic():
            hands.move_to(start)
            doings()
            found.append(everything())
            transaction.set_rollback(True)
    return found[0], found[1], done


def test_columns_write_what_the_reference_writes(make: Builders, agree: Any, hands: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = crowd(make, 120)
    agree(SIZE, DEMO, VIEWS, NEW, scope=when(clause("company.employees", "between", low=5)), wave="none", **PARTS)
    agree(a_tally("often", 15, "page_view", days=20, award="each"), NEW, name="Second", **PARTS)
    drain()
    hands.advance(timedelta(days=2))
    changes(make, leads, 3)

    def days_go_by() -> None:
        drain()
        for days in (1, 1, 3, 4, 6, 9):
            hands.advance(timedelta(days=days))
            drain()

    one, other, done = by_both(hands, monkeypatch, days_go_by)
    for what, rows in one.items():
        assert other[what] == rows, what
    assert sum(done) > 150
    assert {cause for _, _, _, cause, *_ in one["changes"]} == {"activation", "event", "facts", "time", "import"}
    one, other, done = by_both(hands, monkeypatch, lambda: list(rescore_all()))
    assert one == other
    assert sum(done) > 50
