"""What both sides say about criteria: views and their gap, blind rounds, verdicts on exact content, threads, examples, questions."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from leads.errors import Conflict, Invalid, NotAllowed
from leads.roles import Side
from scoring.actions.criteria import add_criterion, regroup_criterion, remove_criterion, set_points
from scoring.actions.parts import add_group
from scoring.actions.research import add_question, remove_question, save_research
from scoring.actions.talk import (
    add_comment,
    add_example,
    begin_blind_round,
    end_blind_round,
    give_verdict,
    remove_example,
    settle_comment,
    state_view,
)
from scoring.actions.versions import copy_opinions, create_draft, create_model, withdraw_draft
from scoring.models import CriterionComment, CriterionView, ModelVersion
from scoring.preview.drafts import wanted_points
from scoring.talk import talk_of
from tests.scoring.samples import a_test, clause

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    draft = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    return draft


@pytest.fixture
def size(draft: ModelVersion) -> Any:
    row = draft.criteria.get(key="size")
    row.version = draft
    return row


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def seen_by(user: Any, size: Any) -> Any:
    version = ModelVersion.objects.get(pk=size.version_id)
    return talk_of(version, version.criteria.all(), user)["size"]


def test_both_sides_views_stand_beside_each_other_with_the_gap(cast: Any, size: Any) -> None:
    state_view(size, need="required", points=20, actor=cast.marketer)
    assert seen_by(cast.manager, size).gap == ""
    state_view(size, need="nice", points=5, actor=cast.manager)
    state_view(size, need="nice", points=15, actor=cast.rep)
    talk = seen_by(cast.admin, size)
    assert [(one.label, one.need, one.points) for one in talk.views] == [
        ("Marketing", "required", 20),
        ("Sales", "nice to have", 15),
    ]
    assert (talk.gap, talk.gap_points) == ("required against nice to have, 5 points apart", 5)
    assert ModelVersion.objects.get(pk=size.version_id).rev == 2


@pytest.mark.parametrize(("need", "points"), [("", 5), ("vital", 5), ("nice", 1001), ("nice", -5000)])
def test_a_view_that_says_nothing_is_refused(cast: Any, size: Any, need: str, points: int) -> None:
    with pytest.raises(Invalid):
        state_view(size, need=need, points=points, actor=cast.rep)
    assert not CriterionView.objects.exists()


def test_who_speaks_for_no_side_has_no_view_and_no_verdict_but_may_comment(cast: Any, size: Any) -> None:
    for verb in (
        lambda: state_view(size, need="nice", points=5, actor=cast.admin),
        lambda: give_verdict(size, "agree", seen_hash=size.content_hash, actor=cast.admin),
        lambda: add_comment(size, "Hello", actor=cast.outsider),
    ):
        with pytest.raises(NotAllowed):
            verb()
    assert add_comment(size, "Hello", actor=cast.admin).side == ""


def test_in_a_blind_round_each_side_answers_before_it_sees_the_other(cast: Any, size: Any) -> None:
    state_view(size, need="required", points=20, actor=cast.marketer)
    begin_blind_round(size.version, actor=cast.manager)
    for who in (cast.manager, cast.admin):
        marketing = seen_by(who, size).views[0]
        assert (marketing.need, marketing.points, marketing.is_hidden) == ("", None, False)
    state_view(size, need="required", points=30, actor=cast.marketer)
    marketing = seen_by(cast.manager, size).views[0]
    assert (marketing.need, marketing.points, marketing.is_hidden) == ("", None, True)
    assert seen_by(cast.marketer, size).own.points == 30
    give_verdict(size, "disagree", seen_hash=size.content_hash, actor=cast.marketer)
    assert [seen_by(who, size).views[0].verdict for who in (cast.manager, cast.marketer)] == ["", "disagree"]
    held = ModelVersion.objects.get(pk=size.version_id)
    assert [wanted_points(held, "marketing", to=side) for side in (Side.SALES, None, Side.MARKETING)] == [{}, {}, {"size": 30}]
    state_view(size, need="irrelevant", points=0, actor=cast.rep)
    for who in (cast.manager, cast.marketer, cast.admin):
        assert [one.points for one in seen_by(who, size).views] == [30, 0]
    assert wanted_points(held, "marketing", to=Side.SALES) == {"size": 30}
    with pytest.raises(Conflict):
        begin_blind_round(size.version, actor=cast.marketer)
    end_blind_round(size.version, actor=cast.marketer)
    with pytest.raises(Conflict):
        end_blind_round(size.version, actor=cast.marketer)
    with pytest.raises(NotAllowed):
        begin_blind_round(size.version, actor=cast.rep)


def test_a_blind_answer_that_is_changed_once_it_is_known_stays_in_the_log(
    cast: Any, client_of: Any, draft: ModelVersion, size: Any
) -> None:
    def log(who: Any = cast.manager) -> str:
        page = client_of(who).get(url("criteria-edits", draft.pk)).content.decode()
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))

    begin_blind_round(draft, actor=cast.manager)
    state_view(size, need="required", points=20, actor=cast.marketer)
    state_view(size, need="required", points=25, actor=cast.marketer)  # nobody knows it yet
    state_view(size, need="nice", points=5, actor=cast.manager)
    assert "blind answer" not in log()
    state_view(size, need="nice", points=8, actor=cast.marketer)
    told = "Maya Marketer changed the blind answer of marketing once it was known, on “Company size”"
    assert f"{told} required, 25 points → nice to have, 8 points" in log()
    poll = client_of(cast.manager).get(url("criteria-delta", draft.pk), {"rev": draft.rev, "talk": 3}, headers=HTMX)
    assert "blind answer of marketing" in poll.content.decode()
    end_blind_round(draft, actor=cast.manager)
    state_view(size, need="nice", points=None, actor=cast.manager)
    assert "of sales once it was known, on “Company size” nice to have, 5 points → nice to have" in log(cast.marketer)
    begin_blind_round(draft, actor=cast.manager)
    state_view(size, need="required", points=99, actor=cast.manager)
    assert "99" not in log(cast.marketer)


def test_a_blind_answer_is_on_no_page_of_the_other_side(cast: Any, client_of: Any, draft: ModelVersion, size: Any) -> None:
    begin_blind_round(draft, actor=cast.manager)
    state_view(size, need="required", points=773, actor=cast.marketer)
    for name, args in (("criteria-draft", []), ("criterion-talk", ["size"]), ("criterion-row", ["size"]), ("criteria-edits", [])):
        assert "773" not in client_of(cast.manager).get(url(name, draft.pk, *args)).content.decode(), name
    assert "773" not in client_of(cast.manager).get(url("criteria-delta", draft.pk), headers=HTMX).content.decode()
    assert "773" in client_of(cast.marketing_ops).get(url("criterion-talk", draft.pk, "size")).content.decode()


def test_agreement_holds_while_the_content_is_what_was_agreed(cast: Any, draft: ModelVersion, size: Any) -> None:
    for who in (cast.marketer, cast.rep):
        give_verdict(size, "agree", seen_hash=size.content_hash, actor=who)
    assert seen_by(cast.rep, size).is_agreed
    add_group(draft, {"key": "firm", "label": "Firm", "dimension": "fit"}, actor=cast.manager, rev=2)
    regroup_criterion(size, "firm", actor=cast.manager, rev=3)
    assert seen_by(cast.rep, size).is_agreed, "the place in a group is no content"
    set_points(size, 16, actor=cast.manager, rev=4)
    talk = seen_by(cast.rep, size)
    assert not talk.is_agreed
    assert [one.verdict for one in talk.views] == ["past", "past"]
    with pytest.raises(Conflict, match="changed since you read it"):
        give_verdict(size, "agree", seen_hash=size.content_hash, actor=cast.rep)
    set_points(size, 15, actor=cast.manager, rev=5)
    assert seen_by(cast.rep, size).is_agreed, "back at what was agreed"


def test_a_verdict_changes_and_is_taken_back(cast: Any, size: Any) -> None:
    give_verdict(size, "agree", seen_hash=size.content_hash, actor=cast.rep)
    give_verdict(size, "disagree", seen_hash=size.content_hash, actor=cast.manager)
    view = CriterionView.objects.get()
    assert (view.agreed_hash, view.agreed_by, view.disagreed_by) == (None, None, cast.manager)
    give_verdict(size, "", seen_hash="", actor=cast.rep)
    assert CriterionView.objects.get().disagreed_hash is None
    with pytest.raises(Invalid):
        give_verdict(size, "perhaps", seen_hash=size.content_hash, actor=cast.rep)
    with pytest.raises(IntegrityError), transaction.atomic():
        CriterionView.objects.update(agreed_hash="x", disagreed_hash="x")


def test_a_thread_is_replied_to_resolved_and_opened_again(cast: Any, size: Any) -> None:
    first = add_comment(size, "Too vague", actor=cast.rep)
    reply = add_comment(size, "How so?", actor=cast.marketer, reply_to=first)
    deeper = add_comment(size, "No number", actor=cast.rep, reply_to=reply)
    assert (deeper.reply_to, deeper.side) == (first, "sales")
    assert (seen_by(cast.rep, size).open_comments, seen_by(cast.rep, size).comments) == (1, 3)
    settle_comment(first, True, actor=cast.marketer)
    first.refresh_from_db()
    when = first.resolved_at
    settle_comment(first, True, actor=cast.rep)
    first.refresh_from_db()
    assert (first.resolved_by, first.resolved_at) == (cast.marketer, when)
    assert seen_by(cast.rep, size).open_comments == 0
    settle_comment(first, False, actor=cast.rep)
    assert seen_by(cast.rep, size).open_comments == 1
    for bad in ("", "   ", "x" * 4001):
        with pytest.raises(Invalid):
            add_comment(size, bad, actor=cast.rep)


def test_examples_show_a_lead_to_who_may_see_it(cast: Any, client_of: Any, make: Any, draft: ModelVersion, size: Any) -> None:
    lead = make.lead(owner=cast.rep, first_name="Ivy", last_name="Quillon")
    add_example(size, lead, is_counter=False, note="As we want them", actor=cast.rep)
    example = add_example(size, lead, is_counter=True, note="Not as we want them", actor=cast.rep)
    assert size.examples.count() == 1
    page = url("criterion-talk", draft.pk, "size")
    assert "Quillon" in text(client_of(cast.rep).get(page))
    other = text(client_of(cast.other_rep).get(page))
    assert "Quillon" not in other
    assert "a lead you may not see" in other
    remove_example(example, actor=cast.rep)
    assert not size.examples.exists()


def test_an_example_is_found_by_words_number_or_address(cast: Any, client_of: Any, make: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.marketer)
    one = make.lead(first_name="Ivy", last_name="Quillon")
    make.lead(first_name="Ivy", last_name="Quince")
    add = url("example-add", draft.pk, "size")
    assert "Several leads fit" in text(browser.post(add, {"q": "ivy"}, headers=HTMX))
    for asked in ("quillon", str(one.pk), f"https://accord.test/leads/{one.pk}/"):
        assert "Quillon" in text(browser.post(add, {"q": asked, "is_counter": "1"}, headers=HTMX))
    assert draft.criteria.get().examples.get().is_counter
    for asked in ("", "nobody like this", "9" * 30):
        assert browser.post(add, {"q": asked}, headers=HTMX).status_code == 422


def test_the_panel_answers_each_step_and_keeps_what_was_refused(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.rep)
    said = browser.post(url("comment-add", draft.pk, "size"), {"text": "<b>Why</b>"}, headers=HTMX)
    assert "&lt;b&gt;Why&lt;/b&gt;" in said.content.decode()
    assert "<html" not in said.content.decode()
    wrong = browser.post(url("view-state", draft.pk, "size"), {"need": "nice", "points": "many"}, headers=HTMX)
    assert (wrong.status_code, "not a whole number" in text(wrong), 'value="many"' in text(wrong)) == (422, True, True)
    late = browser.post(url("verdict-give", draft.pk, "size"), {"verdict": "agree", "seen": "old"}, headers=HTMX)
    assert (late.status_code, "changed since you read it" in text(late)) == (409, True)
    number = CriterionComment.objects.get().pk
    assert "resolved" in text(browser.post(url("comment-settle", draft.pk, number), headers=HTMX))
    ModelVersion.objects.filter(pk=draft.pk).update(status="withdrawn")
    assert browser.post(url("comment-add", draft.pk, "size"), {"text": "Late"}).status_code == 409


def test_the_next_draft_takes_over_views_open_threads_and_nothing_of_what_was_removed(
    cast: Any, draft: ModelVersion, size: Any
) -> None:
    state_view(size, need="nice", points=5, actor=cast.rep)
    thread = add_comment(size, "Open", actor=cast.rep)
    add_comment(size, "Answer", actor=cast.marketer, reply_to=thread)
    done = add_comment(size, "Done", actor=cast.rep)
    add_comment(size, "Indeed", actor=cast.marketer, reply_to=done)
    settle_comment(done, True, actor=cast.rep)
    title = add_criterion(draft, a_test("title", 5), actor=cast.marketer, rev=2)
    add_comment(title, "Gone with it", actor=cast.rep)
    remove_criterion(title, actor=cast.marketer, rev=3)
    withdraw_draft(draft, actor=cast.marketer, rev=4)
    second = create_draft(draft.model, actor=cast.marketer, start="empty")
    row = add_criterion(second, SIZE, actor=cast.marketer, rev=1)
    add_criterion(second, a_test("title", 5), actor=cast.marketer, rev=2)
    copy_opinions(draft, second)
    copied = CriterionComment.objects.filter(criterion__version=second)
    assert [(one.text, one.reply_to and one.reply_to.text) for one in copied] == [("Open", None), ("Answer", "Open")]
    assert copied[1].reply_to.criterion == row
    assert row.side_views.get().points == 5


def test_research_is_written_down_and_missing_parts_are_marked(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.marketer)
    page = url("model-research", draft.model.key)
    assert "No research behind it" in text(browser.get(url("criteria-draft", draft.pk)))
    assert "Missing: personas, buying journey, channels" in text(browser.get(page))
    browser.post(page, {"personas": "Heads of operations", "journey": "Six months"})
    assert "Missing: channels" in text(browser.get(page))
    assert "No research behind it" not in text(browser.get(url("criteria-draft", draft.pk)))
    long = browser.post(page, {"personas": "x" * 10_001})
    assert (long.status_code, "more than 10,000" in text(long)) == (422, True)
    assert "Heads of operations" in text(client_of(cast.rep).get(page))
    with pytest.raises(NotAllowed):
        save_research(draft.model, {}, actor=cast.rep)


def test_questions_of_both_sides_are_compared_by_topic(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    model = draft.model
    budget = add_question(model, "Budget", "Is there one?", actor=cast.rep)
    add_question(model, "Tool", "What do you use?", actor=cast.rep)
    assert add_question(model, "tool", "Which product do you use?", actor=cast.marketer).topic == "Tool"
    page = text(client_of(cast.marketer).get(url("model-research", model.key)))
    assert "marketing could ask 1 for sales" in page
    assert page.count("marketing could ask") == 2
    assert page.index("Budget") < page.index("Tool")
    for topic, words in (("", "Why?"), ("Budget", ""), ("Budget", "is there ONE?"), ("x" * 61, "Why?")):
        with pytest.raises(Invalid):
            add_question(model, topic, words, actor=cast.manager)
    refused = client_of(cast.rep).post(url("question-add", model.key), {"topic": "Budget", "text": "Is there one?"})
    assert (refused.status_code, "asks this already" in text(refused)) == (422, True)
    with pytest.raises(NotAllowed):
        remove_question(budget, actor=cast.marketer)
    client_of(cast.manager).post(url("question-remove", model.key, budget.pk))
    assert list(model.questions.values_list("topic", flat=True)) == ["Tool", "Tool"]


def test_a_character_that_cannot_be_stored_is_named(cast: Any, client_of: Any, draft: ModelVersion, size: Any) -> None:
    answer = client_of(cast.marketer).post(url("comment-add", draft.pk, "size"), {"text": "a\x00b"})
    assert answer.status_code == 422
    assert "(NUL)" in answer.content.decode()
    assert not CriterionComment.objects.exists()
