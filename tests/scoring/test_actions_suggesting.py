"""What history suggests is a comment with a button, never an edit by itself."""

import pytest

from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import LeadField
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.suggesting import suggest_points, use_suggestion
from scoring.actions.versions import create_model
from scoring.columns import NotInSnapshot
from scoring.models import CriterionComment
from scoring.snapshot import keeping
from scoring.suggest import Suggestion, Suggestions
from tests.scoring.samples import a_test, clause

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(cast):
    draft = create_model("Main", actor=cast.marketer, start="empty")
    add_criterion(draft, a_test("title", 10, clause("lead.job_title", "known")), actor=cast.marketer, rev=draft.rev)
    add_criterion(draft, a_test("size", 5, clause("company.employees", "known")), actor=cast.marketer, rev=draft.rev)
    return draft


@pytest.fixture
def carried(monkeypatch):
    """Data that carries a suggestion for one criterion and refuses the other."""
    some = (
        Suggestion("title", "Title", 10, 18, 9, 27, 1.2, 0.3, 120, 700),
        Suggestion("size", "Size", 5, None, None, None, 0.0, 0.0, 12, 700, "It hit 12 of the leads; below 30 nothing is said."),
    )
    found = Suggestions("won", 1000, 250, 300, True, 0.61, 0.72, some)
    monkeypatch.setattr("scoring.suggest.suggest", lambda *args, **more: found)


def told():
    return CriterionComment.objects.filter(kind="history").select_related("criterion__version").order_by("pk")


def test_each_criterion_gets_its_evidence_and_keeps_its_points(draft, carried, cast):
    suggest_points(draft, actor=cast.marketer)
    comments = {one.criterion.key: one for one in told()}
    assert comments["title"].text == "History suggests +18 (+9 to +27), from 120 of 700 leads it hit; it is +10 now."
    assert "below 30" in comments["size"].text
    assert comments["title"].payload["shared"]["auc_suggested"] == 0.72
    assert "let through" in comments["title"].payload["shared"]["caution"]
    assert comments["title"].author is None
    assert [one.criterion.key for one in told().filter(resolved_at=None)] == ["title"]  # of the other nothing is to be decided
    assert dict(draft.criteria.values_list("key", "points")) == {"title": 10, "size": 5}


def test_asked_again_history_says_the_same_only_once(draft, carried, cast, monkeypatch):
    for _ in range(3):
        suggest_points(draft, actor=cast.marketer)
    assert told().count() == 2
    other = Suggestions(
        "won", 1000, 250, 300, True, 0.61, 0.7, (Suggestion("title", "Title", 10, 12, 9, 15, 1.2, 0.3, 120, 700),)
    )
    monkeypatch.setattr("scoring.suggest.suggest", lambda *args, **more: other)
    suggest_points(draft, actor=cast.manager)
    old, new = told().filter(criterion__key="title")
    assert (old.resolved_by, new.resolved_at) == (cast.manager, None)
    assert new.payload["points"] == 12


def test_who_chooses_to_uses_it_once(draft, carried, cast):
    suggest_points(draft, actor=cast.marketer)
    comment = told().get(criterion__key="title")
    with pytest.raises(NotAllowed):
        use_suggestion(comment, actor=cast.rep, rev=draft.rev)
    comment.refresh_from_db()
    assert comment.resolved_at is None
    use_suggestion(comment, actor=cast.manager, rev=draft.rev)
    assert draft.criteria.get(key="title").points == 18
    with pytest.raises(Conflict):
        use_suggestion(comment, actor=cast.manager, rev=draft.rev)
    refused = told().get(criterion__key="size")
    with pytest.raises(Invalid):
        use_suggestion(refused, actor=cast.manager, rev=draft.rev)


def test_what_was_said_of_another_question_is_not_used(draft, carried, cast):
    suggest_points(draft, actor=cast.marketer)
    criterion = draft.criteria.get(key="title")
    draft.refresh_from_db()
    edit_criterion(criterion, a_test("title", 10, clause("lead.job_title", "unknown")), actor=cast.manager, rev=draft.rev)
    with pytest.raises(Conflict, match="asks was changed"):
        use_suggestion(told().get(criterion__key="title"), actor=cast.manager, rev=draft.rev)
    assert draft.criteria.get(key="title").points == 10
    assert told().get(criterion__key="title").resolved_at is None


def test_without_enough_history_or_data_the_rule_is_named(draft, cast, monkeypatch):
    with pytest.raises(Invalid, match="below 200"):
        suggest_points(draft, actor=cast.marketer)
    with pytest.raises(Invalid, match="not offered"):
        suggest_points(draft, actor=cast.marketer, goal="famous")
    with pytest.raises(NotAllowed):
        suggest_points(draft, actor=cast.rep)
    monkeypatch.setattr(keeping, "built_at_once", lambda: None)
    monkeypatch.setattr(keeping, "standing", lambda: keeping.Standing(None, False, None))
    with pytest.raises(Conflict):
        suggest_points(draft, actor=cast.marketer)
    assert not CriterionComment.objects.exists()


def test_facts_the_data_does_not_hold_are_named(draft, cast, monkeypatch):
    def lacks(key):
        def raises(*args, **more):
            raise NotInSnapshot([key])

        monkeypatch.setattr("scoring.suggest.suggest", raises)

    asked = []
    monkeypatch.setattr(keeping, "ask", lambda: asked.append(True))
    lacks("company.employees")
    with pytest.raises(Conflict, match="Employees: the data is being built again"):
        suggest_points(draft, actor=cast.marketer)
    assert asked == [True]
    LeadField.objects.create(key="hobby", label="Hobby", type="text", personal=True)
    lacks("custom.hobby")
    with pytest.raises(Invalid, match="Hobby: personal data"):
        suggest_points(draft, actor=cast.marketer)


def test_a_draft_without_criteria_has_nothing_to_suggest(cast):
    with pytest.raises(Invalid, match="no criterion"):
        suggest_points(create_model("Bare", actor=cast.marketer, start="empty"), actor=cast.marketer)
