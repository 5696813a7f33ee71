"""Two people, or two workers, at the same moment, on connections of their own."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from leads import clock, jobs
from leads.errors import AccordError, Conflict
from leads.models import Activity, Lead
from leads.revisions import touch_revisions
from scoring import looking
from scoring.actions.activating import activate_version
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.versions import create_draft, create_model
from scoring.activation import activate_here
from scoring.looking import score_now
from scoring.models import Activation, Criterion, DraftEvent, LeadScore, LeadState, ModelVersion, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from tests.scoring.conftest import steps
from tests.scoring.samples import a_tally, a_test, clause

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = a_test("size", 15, clause("company.employees", "between", low=100))


def at_once(*verbs: Any) -> list[Any]:
    """What each verb answers or is refused with, all of them run at the same time."""

    def run(verb: Any) -> Any:
        try:
            return verb()
        except AccordError as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return [future.result() for future in [pool.submit(run, verb) for verb in verbs]]


def test_of_two_saves_from_the_same_revision_exactly_one_wins(cast: Any) -> None:
    draft = create_model("Enterprise", actor=None, start="empty", signers=NOBODY)
    criterion = add_criterion(draft, SIZE, actor=None, rev=1)

    def save(points: int) -> Any:
        row = Criterion.objects.select_related("version").get(pk=criterion.pk)
        return edit_criterion(row, SIZE | {"points": points}, actor=cast.marketer, rev=2)

    answers = at_once(lambda: save(20), lambda: save(30))
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    won = next(answer for answer in answers if not isinstance(answer, Conflict))
    assert Criterion.objects.get().points == won.points
    assert DraftEvent.objects.filter(rev=3).count() == 1


def test_of_two_activations_at_once_exactly_one_wins(cast: Any) -> None:
    draft = create_model("Enterprise", actor=None, start="fit_engagement", signers=NOBODY)
    answers = at_once(*[lambda: activate_version(ModelVersion.objects.get(pk=draft.pk), actor=None, rev=1, reason="Mine")] * 2)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    assert Activation.objects.count() == 1


def test_an_edit_and_an_activation_at_once_never_freeze_what_was_not_seen(cast: Any) -> None:
    draft = create_model("Enterprise", actor=None, start="empty", signers=NOBODY)
    add_criterion(draft, SIZE, actor=None, rev=1)
    answers = at_once(
        lambda: add_criterion(ModelVersion.objects.get(pk=draft.pk), a_test("title", 5), actor=None, rev=2),
        lambda: activate_version(ModelVersion.objects.get(pk=draft.pk), actor=None, rev=2, reason="Mine"),
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    draft.refresh_from_db()
    if draft.status == "proposed":
        assert [one["key"] for one in draft.spec["criteria"]] == ["size"]


def test_workers_and_callers_that_score_the_same_leads_double_nothing(make: Any, cast: Any) -> None:
    draft = create_model("Enterprise", actor=None, start="empty", signers=NOBODY)
    add_criterion(draft, a_test("size", 60, clause("company.employees", "between", low=100)), actor=None, rev=1)
    activate_here(draft, actor=None, reason="Go")
    company = make.company(employees=300)
    ids = [make.lead(company=company).pk for _ in range(40)]
    at_once(*[lambda: score_now(ids), lambda: score_now(list(reversed(ids))), lambda: score_dirty(), lambda: score_dirty()])
    assert LeadScore.objects.count() == 40
    assert Qualification.objects.count() == 40


def _until_it_waits_or_ends(started: "Future[Any]") -> None:
    """Until the other thread waits for a lock somebody holds, or is through."""
    with connection.cursor() as cursor:
        while not started.done():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return


def test_a_version_that_comes_into_force_waits_for_who_scores_by_the_one_before(
    make: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a lead that changes now is scored by what was in force when the batch began, and nobody looks at it again."""
    first = create_model("Enterprise", actor=None, start="empty", signers=NOBODY)
    add_criterion(first, a_test("title", 5), actor=None, rev=1)
    activate_here(first, actor=None, reason="Go")
    lead, large = make.lead(company=make.company(employees=10)), make.company(employees=300)
    while score_dirty():
        pass
    second = create_draft(first.model, actor=None, start="empty")
    add_criterion(second, a_test("size", 60, clause("company.employees", "between", low=100)), actor=None, rev=1)
    job = steps(activate_version(second, actor=None, rev=2, reason="Better").job, "swap")

    begun, go_on, read = Event(), Event(), looking.facts_of_leads

    def and_then_slowly(*asked: Any) -> Any:
        found = read(*asked)
        begun.set()
        assert go_on.wait(20)
        return found

    def apart(verb: Any) -> Any:
        try:
            return verb()
        finally:
            connection.close()

    monkeypatch.setattr(looking, "facts_of_leads", and_then_slowly)
    with ThreadPoolExecutor(2) as pool:
        scored = pool.submit(apart, lambda: score_now([lead.pk]))
        assert begun.wait(20)
        swapped = pool.submit(apart, lambda: jobs.work_on(job, give_way=False))
        _until_it_waits_or_ends(swapped)
        assert not swapped.done()
        with transaction.atomic():
            Lead.objects.filter(pk=lead.pk).update(company=large)
            touch_revisions([lead.pk])
        go_on.set()
        scored.result(20)
        swapped.result(20)
    monkeypatch.setattr(looking, "facts_of_leads", read)
    while score_dirty():
        pass
    second.refresh_from_db()
    assert second.status == "active"
    assert list(LeadScore.objects.filter(lead_id=lead.pk, version=second).values_list("fit", "flags")) == [(60, 1)]
    assert list(Qualification.objects.values_list("lead_id", "version_id", "kind")) == [(lead.pk, second.pk, "mql")]


def test_a_change_that_commits_late_is_scored_later(make: Any, cast: Any) -> None:
    """A transaction open across a pass has an older number than what the pass saw, and is picked up all the same."""
    draft = create_model("Enterprise", actor=None, start="empty", signers=NOBODY)
    add_criterion(draft, a_tally("demo", 60, "demo_request"), actor=None, rev=1)
    activate_here(draft, actor=None, reason="Go")
    slow, quick = make.lead(), make.lead()
    while score_dirty():
        pass

    def happened(lead: Any) -> None:
        now = clock.now()
        Activity.objects.create(lead=lead, kind="demo_request", occurred_at=now, recorded_at=now, known_at=now)
        touch_revisions([lead.pk])

    with transaction.atomic():
        happened(slow)
        at_once(lambda: happened(quick))
        at_once(lambda: [score_dirty(), score_dirty()])
        assert LeadState.objects.get(lead=quick).rev == 2
    assert score_dirty() == 1
    assert LeadScore.objects.get(lead_id=slow.pk).engagement == 60


def test_a_pass_with_nothing_to_do_writes_nothing(make: Any, cast: Any) -> None:
    """Else the transaction number it takes itself would be a reason to write the next time, every second."""
    make.lead()
    while score_dirty():
        pass

    def number_taken() -> int | None:
        with transaction.atomic(), connection.cursor() as cursor:
            assert score_dirty() == 0
            cursor.execute("SELECT txid_current_if_assigned()")
            return cursor.fetchone()[0]

    assert None in [number_taken() for _ in range(3)]  # a transaction of another test that ends moves the mark once more
