"""What history suggests is a comment with a button, never an edit by itself."""

import pytest

from leads.errors import Conflict, Invalid, NotAllowed
from scoring.actions import suggesting
from scoring.actions.criteria import add_criterion
from scoring.actions.suggesting import suggest_points, use_suggestion
from scoring.actions.versions import create_model
from scoring.models import CriterionComment, CriterionView
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


def test_each_criterion_gets_its_evidence_and_keeps_its_points(draft, carried, cast):
    assert suggest_points(draft, actor=cast.marketer) == 2
    comments = {one.criterion.key: one for one in CriterionComment.objects.filter(kind="history").select_related("criterion")}
    assert comments["title"].text == "History suggests +18 (+9 to +27), from 120 of 700 leads it hit. It is +10 now."
    assert "below 30" in comments["size"].text
    assert comments["title"].payload["shared"]["auc_suggested"] == 0.72
    assert "let through" in comments["title"].payload["shared"]["caution"]
    assert comments["title"].author is None
    assert dict(draft.criteria.values_list("key", "points")) == {"title": 10, "size": 5}
    suggest_points(draft, actor=cast.marketer)
    assert CriterionComment.objects.filter(kind="history", resolved_at=None).count() == 2


def test_who_chooses_to_uses_it_once(draft, carried, cast):
    suggest_points(draft, actor=cast.marketer)
    comment = CriterionComment.objects.select_related("criterion__version").get(kind="history", criterion__key="title")
    with pytest.raises(NotAllowed):
        use_suggestion(comment, actor=cast.rep, rev=draft.rev)
    comment.refresh_from_db()
    assert comment.resolved_at is None
    use_suggestion(comment, actor=cast.manager, rev=draft.rev)
    assert draft.criteria.get(key="title").points == 18
    with pytest.raises(Conflict):
        use_suggestion(comment, actor=cast.manager, rev=draft.rev)
    refused = CriterionComment.objects.get(kind="history", criterion__key="size")
    with pytest.raises(Invalid):
        use_suggestion(refused, actor=cast.manager, rev=draft.rev)


def test_a_sign_against_both_sides_is_marked(draft, carried, cast):
    criterion = draft.criteria.get(key="title")
    for side in ("marketing", "sales"):
        CriterionView.objects.create(criterion=criterion, side=side, need="nice", points=-5)
    suggest_points(draft, actor=cast.marketer)
    assert CriterionComment.objects.get(kind="history", criterion=criterion).payload["against_both"] is True
    assert suggesting._is_against(5, [5, -5]) is False
    assert suggesting._is_against(5, [-5]) is False


def test_without_enough_history_or_data_the_rule_is_named(draft, cast, monkeypatch):
    with pytest.raises(Invalid, match="below 200"):
        suggest_points(draft, actor=cast.marketer)
    with pytest.raises(NotAllowed):
        suggest_points(draft, actor=cast.rep)
    monkeypatch.setattr(keeping, "built_at_once", lambda: None)
    monkeypatch.setattr(keeping, "standing", lambda: keeping.Standing(None, False, None))
    with pytest.raises(Conflict):
        suggest_points(draft, actor=cast.marketer)
    assert not CriterionComment.objects.exists()
