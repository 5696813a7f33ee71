"""Many leads scored by columns: the same rows as by the reference, whatever a lead is and wherever it stands."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction

from leads import clock
from leads.choices import Stage
from leads.models import ImportRun, Lead, LeadRevision, Submission
from leads.revisions import touch_revisions
from scoring import by_columns, many, mass, waiting
from scoring.closed_leads import closed_leads
from scoring.compiler import Live, stored_spec
from scoring.looking import score_now
from scoring.many import rescore_all
from scoring.models import FLAG_MQL, LeadScore, LeadState, Qualification, ScoreChange
from scoring.reference_scores import Differ, judged
from scoring.rescoring import score_dirty
from scoring.snapshot import building
from scoring.snapshot.mark import Mark
from scoring.store import Score
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
def hands(freeze: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    clear_scores()
    monkeypatch.setattr(waiting, "MANY", 20)
    monkeypatch.setattr(many, "MANY_AT_ONCE", 45)
    monkeypatch.setattr(many, "_columns_trusted", True)
    yield freeze(NOW)
    clear_scores()


@pytest.fixture
def one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is one transaction, which would count as open, and all it does as not read yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_current() + 1")
        ended = cursor.fetchone()[0]
    monkeypatch.setattr(Mark, "now", lambda: Mark(f"{ended}:{ended}:"))
    monkeypatch.setattr(by_columns, "refresh", building.rebuild)
    monkeypatch.setattr(by_columns, "closed_leads", partial(closed_leads, anew=True))


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

    def watched(reading: mass.Reading, ids: Any, **more: Any) -> list[int]:
        found = real(reading, ids, **more)
        done.append(len(ids) - len(found))
        return found

    monkeypatch.setattr(mass, "score_by_columns", watched)
    found = []
    for most in (10**9, 20):
        monkeypatch.setattr(waiting, "MANY", most)
        with transaction.atomic():
            hands.move_to(start)
            doings()
            found.append(everything())
            transaction.set_rollback(True)
    return found[0], found[1], done


@pytest.mark.usefixtures("one_transaction")
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


@pytest.mark.usefixtures("one_transaction")
def test_where_the_two_ways_differ_nothing_is_written_and_the_reference_goes_on(
    make: Builders, agree: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    version = agree(SIZE)
    company = make.company(employees=300)
    ids = [make.lead(company=company).pk for _ in range(50)]
    score_now(ids)
    right = by_columns.evaluate

    def wrong(*asked: Any) -> Any:
        found = right(*asked)
        return replace(found, sums=replace(found.sums, engagement=found.engagement + 1))

    monkeypatch.setattr(by_columns, "evaluate", wrong)
    with pytest.raises(Differ, match="The two ways of scoring differ"):
        list(rescore_all())
    assert set(LeadScore.objects.filter(version=version).values_list("fit", "engagement")) == {(25, 0)}
    Lead.objects.update(company=make.company(employees=1))
    touch_revisions(ids)
    drain()
    assert caplog.text.count("scored by the reference") == 1
    assert set(LeadScore.objects.filter(version=version).values_list("fit", "engagement")) == {(0, 0)}


@pytest.mark.django_db(transaction=True)
def test_killed_in_a_batch_and_changed_meanwhile_nothing_is_lost(
    make: Builders, agree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = crowd(make, 100)
    version = agree(SIZE | {"points": 15}, DEMO, VIEWS, **PARTS)
    drain()
    grown, shrunk = make.company(employees=900), make.company(employees=2)
    Lead.objects.update(company=grown)
    ids = [lead.pk for lead in leads]
    with transaction.atomic():
        touch_revisions(ids)

    real, calls = mass.score_by_columns, []

    def killed(reading: mass.Reading, some: Any, **more: Any) -> list[int]:
        left = real(reading, some, **more)
        calls.append(len(some) - len(left))
        if len(calls) == 2:
            raise KeyboardInterrupt
        if len(calls) == 1:  # after the columns were read
            Lead.objects.filter(pk=ids[-1]).update(company=shrunk)
            touch_revisions([ids[-1]])
        return left

    monkeypatch.setattr(mass, "score_by_columns", killed)
    with pytest.raises(KeyboardInterrupt):
        list(rescore_all())
    assert calls[0] > 10
    assert calls[1] > 10
    behind = LeadState.objects.exclude(rev=2).count()
    assert 0 < behind < 100
    drain()
    assert sum(calls) > 40
    assert dict(LeadState.objects.values_list("lead", "rev")) == dict(LeadRevision.objects.values_list("lead", "rev"))
    live = Live(version.pk, version.model_id, version.no, stored_spec(version.pk, version.spec_hash))
    wanted = {lead_id: one.score for lead_id, one in judged(live, ids, NOW).items()}
    found = LeadScore.objects.filter(version=version).values_list("lead_id", "fit", "engagement", "tier", "flags", "gate")
    assert {lead_id: Score(*rest) for lead_id, *rest in found} == wanted
    met = {lead_id for lead_id, score in wanted.items() if score is not None and score.flags & FLAG_MQL}
    assert met <= set(Qualification.objects.filter(kind="mql").values_list("lead_id", flat=True))
