"""Many leads scored by columns: the same rows as by the reference, whatever a lead is and wherever it stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.db.models import F

from leads import clock
from leads.choices import Stage
from leads.models import ImportRun, Lead, LeadRevision, Submission
from leads.revisions import touch_revisions
from scoring import by_columns, many, mass, partitions, swap_history, swapping, waiting
from scoring.actions.versions import create_draft, write_content
from scoring.closed_leads import closed_leads
from scoring.compiler import Live, compile_version, stored_spec
from scoring.looking import score_now
from scoring.many import rescore_all
from scoring.models import FLAG_MQL, LeadScore, LeadState, ModelVersion, Qualification, ScoreChange
from scoring.reference_scores import Differ, judged
from scoring.rescoring import score_dirty
from scoring.snapshot import building
from scoring.snapshot import reading as snapshot_reading
from scoring.snapshot.mark import Mark
from scoring.snapshot.segment import Segment
from scoring.store import Score
from tests.builders import Builders
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
    monkeypatch.setattr(waiting, "MANY", 20)
    monkeypatch.setattr(many, "MANY_AT_ONCE", 45)
    monkeypatch.setattr(many, "_columns_trusted", True)
    return freeze(NOW)


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


@pytest.mark.usefixtures("one_transaction")
def test_a_table_is_exchanged_or_changed_in_place_to_what_the_reference_says(
    make: Builders, agree: Any, hands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = crowd(make, 150)
    Lead.objects.filter(pk__in=[lead.pk for lead in leads[::2]]).update(stage_since=NOW - timedelta(days=25))
    agree(SIZE, DEMO, VIEWS, NEW, scope=when(clause("company.employees", "between", low=5)), wave="none", **PARTS)
    first = agree(a_tally("often", 25, "page_view", days=40, award="each"), NEW, name="Second", **PARTS)
    assert many.exchange_if_most_differ() is None  # while leads are looked at for the first time under it
    drain()
    tried = create_draft(first.model, actor=None, start="empty")
    write_content(tried, {"decision": TOTAL, "criteria": [SIZE, DEMO]})
    ModelVersion.objects.filter(pk=tried.pk).update(status="proposed", **frozen(tried), kept_since=NOW, trial_since=NOW)
    partitions.begin(tried.pk)
    partitions.finish(tried.pk)
    assert partitions.attach(tried.pk)
    list(rescore_all())
    drain()
    hands.advance(timedelta(hours=2))
    make.activity(leads[0], "demo_request", NOW + timedelta(hours=1))
    touch_revisions([leads[0].pk])
    LeadScore.objects.update(fit=F("fit") + 1000)
    LeadScore.objects.filter(lead_id__in=[lead.pk for lead in leads[3::9]]).update(flags=0)  # who therefore qualifies anew
    found, before = [], Qualification.objects.count()
    for most, may in ((10**9, True), (20, True), (20, False)):
        monkeypatch.setattr(waiting, "MANY", most)
        monkeypatch.setattr(partitions, "may_create", lambda may=may: may)
        exchanged: list[list[int]] = []
        right = swapping.exchange_all

        def watched(*asked: Any, right: Any = right, exchanged: Any = exchanged) -> Any:
            left = right(*asked)
            exchanged.append(left)
            return left

        monkeypatch.setattr(swapping, "exchange_all", watched)
        with transaction.atomic():
            list(rescore_all())
            found.append(everything())
            assert partitions.replaced_tables() == []
            transaction.set_rollback(True)
        monkeypatch.setattr(swapping, "exchange_all", right)
        assert len(exchanged) == (most == 20 and may)
        assert not exchanged or leads[0].pk in exchanged[0]
    assert len(found[0]["qualifications"]) >= before
    assert len(found[0]["scores"]) > 200
    for what, rows in found[0].items():
        assert found[1][what] == rows, f"exchanged: {what}"
        assert found[2][what] == rows, f"in place: {what}"
    assert {gate for *_, gate in found[0]["scores"]} >= {"decided", "unreachable", "in_review", "rival", None}


@pytest.mark.django_db(transaction=True)
def test_killed_before_the_moment_nothing_was_done_and_after_it_the_history_follows(
    make: Builders, agree: Any, hands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [lead.pk for lead in crowd(make, 90)]
    version = agree(SIZE | {"points": 15}, DEMO, VIEWS, **PARTS)
    drain()
    right = dict(LeadScore.objects.values_list("lead_id", "fit"))
    history, moment = ScoreChange.objects.count(), swapping._at_once
    LeadScore.objects.update(fit=F("fit") + 1000)

    def killed(*asked: Any) -> None:
        moment(*asked)
        raise KeyboardInterrupt

    monkeypatch.setattr(swapping, "_at_once", killed)
    with pytest.raises(KeyboardInterrupt):
        list(rescore_all())
    assert partitions.own_tables() == [version.pk]
    assert (partitions.replaced_tables(), LeadScore.objects.filter(fit__gte=1000).count()) == ([], 90)

    busy = connection.copy()  # a reader that goes on for long keeps nobody else waiting: it is done in place then
    monkeypatch.setattr(swapping, "_at_once", moment)
    monkeypatch.setattr(swapping, "_WAIT", "10ms")
    monkeypatch.setattr(swapping, "_TRIES", 1)
    busy.set_autocommit(False)
    with busy.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scoring_leadscore")
    assert many.exchange_if_most_differ() is None
    busy.rollback()
    busy.close()

    gone, changed = leads[5], leads[7]
    Lead.objects.filter(pk=changed).update(
        stage="prospect", contactable=True, contact_problem="", company=make.company(employees=2)
    )
    touch_revisions([changed])
    drain()
    LeadScore.objects.filter(lead_id=changed).update(fit=1000)
    monkeypatch.setattr(swap_history, "AT_ONCE", leads[4] - 1)
    assert many.exchange_if_most_differ() is not None
    assert not LeadScore.objects.filter(fit__gte=1000).exists()
    assert swap_history.write_some() > 0
    Lead.objects.filter(pk=changed).update(company=make.company(employees=900))  # scored before its history is written
    touch_revisions([changed])
    score_now([changed])
    Lead.objects.filter(pk=gone).delete()
    swap_history.look_again()  # as another process does that begins
    drain()
    assert partitions.replaced_tables() == []
    rows = ScoreChange.objects.order_by("pk")[history:]
    moved = {lead: [(row.old_fit, row.new_fit) for row in rows if row.lead_id == lead] for lead in leads}
    assert sorted(moved.pop(changed)) == [(0, 15), (1000, 0)]
    assert moved.pop(gone) == []
    assert moved == {lead: [(right[lead] + 1000, right[lead])] for lead in moved}


@pytest.mark.usefixtures("one_transaction")
def test_closed_leads_are_brought_up_to_date(make: Builders, hands: Any) -> None:
    leads = crowd(make, 80)
    before = closed_leads(anew=True)
    assert 10 < len(before.leads) < 80
    for lead in leads[:40]:
        make.activity(lead, "demo_request", NOW - timedelta(days=3))
    Lead.objects.filter(pk__in=[lead.pk for lead in leads[:20]]).update(stage=Stage.WON, stage_since=NOW - timedelta(days=5))
    Lead.objects.filter(pk__in=[lead.pk for lead in leads[20:30]]).update(
        stage=Stage.PROSPECT, contactable=True, contact_problem=""
    )
    changed = sorted(lead.pk for lead in leads[:40])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_reading, "changed_leads", lambda mark: changed)
        kept = closed_leads()
    anew = closed_leads(anew=True)
    assert kept.leads.key != before.leads.key
    assert len(kept.since.events.row) >= 20
    for one, other in ((kept.leads, anew.leads), (kept.since, anew.since)):
        assert one.ids.tolist() == other.ids.tolist()
        assert said(one) == said(other)
    assert kept.standings.tolist() == anew.standings.tolist()


def said(segment: Segment) -> list[tuple[int, int, int]]:
    """Kind, row and age of every event."""
    kinds = np.repeat(np.arange(len(segment.events.start) - 1), np.diff(segment.events.start))
    return sorted(zip(kinds.tolist(), segment.events.row.tolist(), segment.events.age.tolist(), strict=True))


def frozen(version: ModelVersion) -> dict[str, Any]:
    spec = compile_version(version)
    return {"spec": spec.as_json(), "spec_hash": spec.hash}


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
