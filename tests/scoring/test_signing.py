"""Both sides' way to a version: proposed, signed or objected to, taken back, in force, returned to."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from leads import jobs
from leads.choices import Outcome
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Case, Outbox, Reason, User
from scoring.actions.activating import activate_version, return_to
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.evidence import add_evidence, remove_evidence
from scoring.actions.signing import give_verdict, propose_version, take_back
from scoring.actions.versions import create_draft, create_model
from scoring.activation import activate_here
from scoring.compiler import draft_problems
from scoring.effect_words import summary
from scoring.models import Activation, CriterionComment, CriterionView, ModelVersion, PreviewReport, ScoringModel, SignOff
from scoring.notices import PROPOSED, VOIDED
from scoring.signing_card import disagreements, signing_card
from scoring.signoff import NOBODY, Role, needed, standing
from tests.scoring.samples import a_test, clause

pytestmark = pytest.mark.django_db
SIZE = a_test("size", 65, clause("company.employees", "between", low=100), label="Company size")
WHY = "Large firms buy."


def unseen(kind: str) -> list[Any]:
    return [one.recipient for one in Outbox.objects.filter(kind=kind, seen_at=None).order_by("recipient_id")]


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    version = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(version, SIZE, actor=cast.marketer, rev=1)
    return version


@pytest.fixture
def proposed(cast: Any, draft: ModelVersion) -> ModelVersion:
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    return draft


def sign(version: ModelVersion, *people: User, **more: Any) -> None:
    for person in people:
        give_verdict(version, actor=person, verdict="agree", spec_hash=version.spec_hash, **more)


def into_force(version: ModelVersion, cast: SimpleNamespace) -> Activation:
    sign(version, cast.head_of_marketing, cast.head_of_sales)
    return activate_here(version, actor=cast.head_of_sales, reason=WHY)


def test_proposing_freezes_the_content_and_keeps_what_the_signers_see(cast: Any, draft: ModelVersion, make: Any) -> None:
    make.lead(company=make.company(employees=500))
    make.lead(company=make.company(employees=5))
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    assert (draft.status, draft.reason, len(draft.spec_hash)) == ("proposed", WHY, 64)
    report = PreviewReport.objects.get(version=draft)
    seen = summary(report.result)
    assert (seen.open_leads, seen.entering, seen.leaving, seen.qualified, seen.qualify) == (2, 1, 0, None, 1)
    assert report.generation == report.result["basis"]["generation"]
    with pytest.raises(Conflict, match="no longer a draft"):
        edit_criterion(draft.criteria.get(), SIZE, actor=cast.marketer, rev=2)
    for statement in ("UPDATE scoring_modelversion SET reason = 'x'", "UPDATE scoring_criterion SET points = 1"):
        with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(statement)


@pytest.mark.parametrize(("rev", "reason", "error"), [(1, WHY, Conflict), (2, " ", Invalid)])
def test_only_the_draft_that_was_seen_is_proposed_and_with_a_reason(
    cast: Any, draft: ModelVersion, rev: int, reason: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        propose_version(draft, actor=cast.marketer, rev=rev, reason=reason)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_an_unready_draft_and_a_person_without_the_right_propose_nothing(cast: Any) -> None:
    empty = create_model("Empty", actor=cast.marketer, start="empty")
    with pytest.raises(Invalid, match="no criterion"):
        propose_version(empty, actor=cast.marketer, rev=1, reason=WHY)
    with pytest.raises(NotAllowed):
        propose_version(empty, actor=cast.rep, rev=1, reason=WHY)


def test_one_leader_of_each_side_is_what_a_model_asks_for(cast: Any, proposed: ModelVersion) -> None:
    sign(proposed, cast.head_of_marketing, cast.manager)
    with pytest.raises(Conflict, match="the signature of one leader of sales is missing"):
        activate_version(proposed, actor=cast.head_of_sales, rev=2, reason=WHY)
    sign(proposed, cast.head_of_sales)
    activation = activate_version(proposed, actor=cast.head_of_sales, rev=2, reason=WHY)
    assert (activation.version, activation.step) == (proposed, Activation.Step.PREPARING)
    jobs.run_once()
    proposed.refresh_from_db()
    assert proposed.status == "active"


def test_doers_are_asked_for_where_a_model_says_so(cast: Any, proposed: ModelVersion) -> None:
    ScoringModel.objects.update(signers={"sales": {"doer": 2, "leader": 1}, "marketing": {"leader": 0}})
    proposed.model.refresh_from_db()
    sign(proposed, cast.head_of_sales, cast.manager)
    where = standing(proposed.model.signers, SignOff.objects.all(), proposed.spec_hash)
    assert [seat.words for seat in where.open_seats] == ["one doer of sales"]
    assert (where.signed, where.wanted) == (2, 3)


def test_what_is_not_said_about_signers_is_one_leader_a_side() -> None:
    wanted = {(side.value, role.value): number for (side, role), number in needed({}).items() if number}
    assert wanted == {("marketing", "leader"): 1, ("sales", "leader"): 1}
    assert not any(needed(NOBODY).values())


def test_nobody_speaks_for_both_sides(cast: Any, make: Any, proposed: ModelVersion) -> None:
    both = make.user("both@accord.test", "Bo Both", "head_of_marketing", "head_of_sales")
    with pytest.raises(Invalid, match="for which side"):
        sign(proposed, both)
    sign(proposed, both, side="marketing")
    with pytest.raises(NotAllowed, match="nobody speaks for both sides"):
        sign(proposed, both, side="sales")
    with pytest.raises(NotAllowed, match="do not speak for that side"):
        sign(proposed, cast.head_of_sales, side="marketing")
    with pytest.raises(NotAllowed):
        sign(proposed, cast.rep)
    with pytest.raises(NotAllowed, match="neither"):
        sign(proposed, make.user("root@accord.test", "Root", is_superuser=True))
    assert SignOff.objects.get().side == "marketing"


def test_an_objection_needs_words_and_bars_until_it_is_taken_back(cast: Any, proposed: ModelVersion) -> None:
    with pytest.raises(Invalid, match="Say what should change"):
        give_verdict(proposed, actor=cast.manager, verdict="object", spec_hash=proposed.spec_hash)
    sign(proposed, cast.head_of_marketing, cast.head_of_sales)
    give_verdict(proposed, actor=cast.manager, verdict="object", spec_hash=proposed.spec_hash, note="Size from 50.")
    with pytest.raises(Conflict, match="Mona Manager asked for a change"):
        activate_version(proposed, actor=cast.head_of_sales, rev=2, reason=WHY)
    sign(proposed, cast.manager)
    assert activate_version(proposed, actor=cast.head_of_sales, rev=2, reason=WHY).version == proposed


def test_only_what_was_seen_is_signed(cast: Any, proposed: ModelVersion, draft: ModelVersion) -> None:
    with pytest.raises(Conflict, match="no longer what you saw"):
        give_verdict(proposed, actor=cast.manager, verdict="agree", spec_hash="0" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        SignOff.objects.create(
            version=proposed,
            side="sales",
            role=Role.LEADER,
            user=cast.rep,
            verdict="agree",
            subject_hash="x",
            at=proposed.created_at,
        )


def test_an_edit_takes_the_version_back_and_names_whose_signatures_are_void(cast: Any, proposed: ModelVersion) -> None:
    criterion = proposed.criteria.get()
    CriterionView.objects.create(criterion=criterion, side="sales", need="nice", points=10)
    CriterionComment.objects.create(criterion=criterion, author=cast.manager, text="Why 65?", created_at=proposed.created_at)
    sign(proposed, cast.head_of_marketing)
    assert unseen(PROPOSED) == [cast.head_of_sales]  # who signed is not asked any more
    ModelVersion.objects.filter(pk=proposed.pk).update(blind_from=proposed.created_at)
    draft = take_back(proposed, actor=cast.marketer)
    assert draft.blind_from is not None  # a blind round goes on
    assert (unseen(PROPOSED), unseen(VOIDED)) == ([], [cast.head_of_marketing])
    assert Outbox.objects.get(kind=VOIDED).payload["title"] == "Your signature under Enterprise v1 is void"
    assert (proposed.status, draft.status, draft.no) == ("withdrawn", "draft", 2)
    copied = draft.criteria.get()
    assert draft.reason == proposed.reason != ""
    assert (copied.points, copied.side_views.get().points, copied.comments.get().text) == (65, 10, "Why 65?")
    card = signing_card(draft, cast.marketer)
    assert [one.user for one in card.voided] == [cast.head_of_marketing]
    assert not card.where.signed
    edit_criterion(copied, SIZE | {"points": 70}, actor=cast.manager, rev=1)
    with pytest.raises(Conflict):
        sign(proposed, cast.head_of_sales)
    with pytest.raises(Conflict, match="not proposed any more"):
        take_back(proposed, actor=cast.marketer)


def test_while_a_version_is_proposed_no_other_draft_begins(cast: Any, proposed: ModelVersion) -> None:
    with pytest.raises(Conflict, match="v1 is proposed"):
        create_draft(proposed.model, actor=cast.marketer)


def test_a_draft_goes_into_force_unsigned_only_where_nobody_has_to_sign(cast: Any, draft: ModelVersion) -> None:
    with pytest.raises(Conflict, match="proposed and signed by both sides"):
        activate_version(draft, actor=cast.head_of_sales, rev=2, reason=WHY)
    ScoringModel.objects.update(signers=NOBODY)
    assert activate_version(draft, actor=cast.head_of_sales, rev=2, reason=WHY).version == draft


def test_a_leader_alone_returns_to_what_was_signed_before(cast: Any, proposed: ModelVersion) -> None:
    into_force(proposed, cast)
    second = create_draft(proposed.model, actor=cast.marketer)
    edit_criterion(second.criteria.get(), SIZE | {"points": 80}, actor=cast.marketer, rev=1)
    propose_version(second, actor=cast.marketer, rev=2, reason="Larger still.")
    into_force(second, cast)
    proposed.refresh_from_db()
    for who in (cast.marketer, cast.admin):
        with pytest.raises(NotAllowed):
            return_to(proposed, actor=who, reason="Too few leads.")
    with pytest.raises(Invalid):
        return_to(proposed, actor=cast.head_of_sales, reason=" ")
    third = return_to(proposed, actor=cast.head_of_sales, reason="Too few leads.").version
    assert (third.no, third.spec_hash, third.copied_from) == (3, proposed.spec_hash, proposed)
    assert third.criteria.get().points == 65
    jobs.run_once()
    assert list(ModelVersion.objects.order_by("no").values_list("status", flat=True)) == ["retired", "retired", "active"]
    with pytest.raises(Conflict):
        return_to(ModelVersion.objects.get(pk=third.pk), actor=cast.head_of_sales, reason="Again.")


def test_evidence_is_counted_and_frozen_with_the_version(cast: Any, draft: ModelVersion, make: Any) -> None:
    small = Reason.objects.create(code="too_tiny", label="Too tiny")
    lead = make.lead()
    Case.objects.create(
        lead=lead, kind="decision", decided_at=lead.created_at, facts={}, basis="decision", has_activity=True,
        outcome=Outcome.REJECTED, outcome_at=lead.created_at, reason=small, txid=1,
    )  # fmt: skip
    add_evidence(draft, actor=cast.marketer, kind="reason", reason=small)
    leads = add_evidence(draft, actor=cast.marketer, kind="leads", label="Prospects", url="http://x.test/leads/?stage=prospect")
    report = add_evidence(draft, actor=cast.marketer, kind="report", label="Review", url="https://example.com/r")
    assert list(draft.evidence.values_list("kind", "count")) == [("reason", 1), ("leads", 1), ("report", None)]
    assert leads.url == "/leads/?stage=prospect"
    remove_evidence(report, actor=cast.marketer)
    propose_version(draft, actor=cast.marketer, rev=draft.rev, reason=WHY)
    with pytest.raises(Conflict):
        add_evidence(draft, actor=cast.marketer, kind="reason", reason=small)
    with pytest.raises(Conflict):
        remove_evidence(leads, actor=cast.marketer)
    with pytest.raises(IntegrityError), transaction.atomic():
        draft.evidence.all().delete()
    assert take_back(draft, actor=cast.marketer).evidence.count() == 2


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "leads", "url": "https://example.com/"}, "url"),
        ({"kind": "report", "url": "javascript:alert(1)"}, "url"),
        ({"kind": "report", "url": "//evil.test/"}, "url"),
        ({"kind": "reason"}, "reason"),
        ({"kind": "rumour"}, "kind"),
    ],
)
def test_evidence_that_names_nothing_is_refused(cast: Any, draft: ModelVersion, said: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_evidence(draft, actor=cast.marketer, **said)
    assert refused.value.field == field


def test_what_is_not_agreed_is_listed_once_somebody_noted_a_view(cast: Any, draft: ModelVersion) -> None:
    assert disagreements(draft) == []
    criterion = draft.criteria.get()
    CriterionView.objects.create(criterion=criterion, side="sales", need="nice", agreed_hash=criterion.content_hash)
    assert disagreements(draft) == [("Company size", "marketing")]
    CriterionView.objects.create(criterion=criterion, side="marketing", need="nice", agreed_hash="old")
    assert disagreements(draft) == [("Company size", "marketing")]
    CriterionView.objects.filter(side="marketing").update(agreed_hash=criterion.content_hash)
    assert disagreements(draft) == []


def test_criteria_that_leave_the_line_out_of_reach_are_told_and_not_proposed(cast: Any, draft: ModelVersion) -> None:
    assert draft_problems(draft) == []
    edit_criterion(draft.criteria.get(), SIZE | {"points": 1}, actor=cast.marketer, rev=draft.rev)
    draft.refresh_from_db()
    (problem,) = draft_problems(draft)
    assert "at most 1 points can be earned" in problem.message
    with pytest.raises(Invalid, match="no lead can become an MQL"):
        propose_version(draft, actor=cast.marketer, rev=draft.rev, reason=WHY)
    assert ModelVersion.objects.get(pk=draft.pk).status == "draft"


def test_proposing_asks_the_database_the_same_of_few_people_and_of_many(cast: Any, make: Any, draft: ModelVersion) -> None:
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as asked:
            propose_version(draft, actor=cast.marketer, rev=draft.rev, reason=WHY)
        counts.append(len(asked))
        draft = take_back(draft, actor=cast.marketer)
        for one in range(12):
            make.user(f"more{number}{one}@accord.test", f"More {one}", "head_of_sales")
    assert counts[1] <= counts[0] + 1  # a second insert of messages at most
