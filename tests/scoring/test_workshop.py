"""The workshop as browsers see it: what the poll answers, who is here, who leads, the log, undo."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scoring.actions.criteria import add_criterion, move_criterion, set_points
from scoring.actions.parts import add_gate, set_decision
from scoring.actions.talk import add_comment
from scoring.models import ModelVersion, Presence
from tests.conftest import MONDAY
from tests.scoring.drafts import HTMX, url
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db


def poll(browser: Client, draft: ModelVersion, **asked: Any) -> Any:
    """The next answer for a browser that has the draft as it is now, but for what is asked otherwise."""
    draft.refresh_from_db()
    page = browser.get(url("criteria-draft", draft.pk)).content.decode()
    here = re.search(r"here=(\w+)", page)[1]
    known = {"rev": draft.rev, "talk": draft.talk, "here": here} | asked
    return browser.get(url("criteria-delta", draft.pk), known, headers=HTMX)


def test_nothing_new_is_answered_with_nothing(browser: Client, draft: ModelVersion) -> None:
    answer = poll(browser, draft)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_changed_row_comes_alone_with_who_changed_it(browser: Client, cast: Any, draft: ModelVersion) -> None:
    set_points(draft.criteria.get(key="size"), 33, actor=cast.manager, rev=3)
    page = poll(browser, draft, rev=3).content.decode()
    assert 'id="criterion-size"' in page
    assert 'data-by="Mona Manager"' in page
    assert 'value="33"' in page
    assert 'id="criterion-title"' not in page
    assert f"rev={draft.rev}" in page
    assert 'id="edits"' in page
    assert 'id="gates"' not in page
    assert "<html" not in page


def test_another_order_comes_as_the_whole_list(browser: Client, cast: Any, draft: ModelVersion) -> None:
    move_criterion(draft.criteria.get(key="size"), 1, actor=cast.manager, rev=3)
    page = poll(browser, draft, rev=3).content.decode()
    assert page.index('id="criterion-title"') < page.index('id="criterion-size"')
    assert 'id="criteria"' in page


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (
            lambda draft, by: add_gate(draft, {"key": "x", "label": "X", "when": when(clause("lead.country", "known"))}, **by),
            "gates",
        ),
        (lambda draft, by: set_decision(draft, TOTAL, **by), "decision"),
    ],
)
def test_other_parts_come_when_they_changed(browser: Client, cast: Any, draft: ModelVersion, edit: Any, part: str) -> None:
    edit(draft, {"actor": cast.manager, "rev": 3})
    page = poll(browser, draft, rev=3).content.decode()
    assert f'id="{part}"' in page
    assert 'id="criterion-size"' not in page


def test_what_is_said_comes_without_another_revision(browser: Client, cast: Any, draft: ModelVersion) -> None:
    add_comment(draft.criteria.get(key="size"), "Why?", actor=cast.rep)
    page = poll(browser, draft, talk=0, open="size").content.decode()
    assert 'id="criterion-size"' in page
    assert 'id="talk-live"' in page
    assert "Why?" in page
    draft.refresh_from_db()
    assert draft.rev == 3


def test_a_draft_that_went_into_force_says_so_and_stops_asking(browser: Client, draft: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=draft.pk).update(status="withdrawn")
    page = browser.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()
    assert "no longer a draft" in page
    assert "hx-get" not in page


def test_a_poll_takes_few_queries(browser: Client, draft: ModelVersion) -> None:
    known = {"rev": 3, "talk": 0, "here": ""}
    browser.get(url("criteria-delta", draft.pk), known, headers=HTMX)
    page = browser.get(url("criteria-draft", draft.pk)).content.decode()
    known["here"] = re.search(r"here=(\w+)", page)[1]
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(url("criteria-delta", draft.pk), known, headers=HTMX).status_code == 204
    assert len(seen) <= 8, "\n".join(one["sql"][:90] for one in seen)


def test_who_is_here_is_shown_and_written_at_most_every_ten_seconds(
    cast: Any, client_of: Any, draft: ModelVersion, freeze: Any
) -> None:
    hands = freeze(MONDAY)
    maya, mona = client_of(cast.marketer), client_of(cast.manager)
    maya.get(url("criteria-draft", draft.pk))
    page = mona.get(url("criteria-draft", draft.pk)).content.decode()
    assert "2 here" in page
    hands.advance(timedelta(seconds=6))
    maya.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX)
    assert Presence.objects.get(user=cast.marketer).last_seen == MONDAY
    hands.advance(timedelta(seconds=6))
    maya.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX)
    assert Presence.objects.get(user=cast.marketer).last_seen == MONDAY + timedelta(seconds=12)
    hands.advance(timedelta(seconds=9))
    assert "1 here" in maya.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()


def test_one_leads_and_the_others_see_where(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    maya, mona = client_of(cast.marketer), client_of(cast.manager)
    maya.post(url("meeting-lead", draft.pk), {"row": "title"})
    page = mona.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()
    assert 'data-at="title"' in page
    assert "Maya drives" in page
    maya.get(url("criteria-delta", draft.pk), {"rev": 3, "row": "size"}, headers=HTMX)
    assert 'data-at="size"' in mona.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()
    mona.post(url("meeting-lead", draft.pk))
    assert list(Presence.objects.filter(leads_meeting=True).values_list("user", flat=True)) == [cast.manager.pk]
    assert maya.post(url("meeting-lead", draft.pk), {"lead": "0"}).status_code == 404


def test_who_has_an_editor_open_is_here_and_the_others_see_on_what(
    cast: Any, client_of: Any, draft: ModelVersion, freeze: Any
) -> None:
    hands = freeze(MONDAY)
    maya, mona = client_of(cast.marketer), client_of(cast.manager)
    maya.get(url("criteria-draft", draft.pk))
    page = maya.get(url("criterion-edit", draft.pk, "size")).content.decode()
    address = re.search(r'data-editing hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    for _ in range(6):  # longer than a browser counts as here that asks nothing
        hands.advance(timedelta(seconds=5))
        assert maya.get(address, headers=HTMX).content.strip() == b""
    poll = mona.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()
    assert "2 here" in poll
    assert "Maya edits Company size" in poll
    assert "Maya Marketer has this open too" in mona.get(address, headers=HTMX).content.decode()
    for name, words in (("criterion-add", "a new criterion"), ("gate-add", "a new gate"), ("criteria-scope", "whom it judges"),
                        ("criteria-decision", "how it decides")):  # fmt: skip
        page = maya.get(url(name, draft.pk)).content.decode()
        maya.get(re.search(r'data-editing hx-get="([^"]+)"', page)[1].replace("&amp;", "&"), headers=HTMX)
        assert Presence.objects.get(user=cast.marketer).edits == words
    maya.post(url("part-editing", draft.pk))
    closed = mona.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()
    assert ("2 here" in closed, "edits" in closed) == (True, False)
    maya.get(address, headers=HTMX)
    hands.advance(timedelta(seconds=21))  # a browser that died says nothing
    assert "edits" not in mona.get(url("criteria-delta", draft.pk), {"rev": 3}, headers=HTMX).content.decode()


def test_the_lead_ends_when_the_leader_is_away_for_a_minute(cast: Any, client_of: Any, draft: ModelVersion, freeze: Any) -> None:
    hands = freeze(MONDAY)
    maya, mona = client_of(cast.marketer), client_of(cast.manager)

    def poll(browser: Client) -> str:
        answer = browser.get(url("criteria-delta", draft.pk), {"rev": 3, "row": "size"}, headers=HTMX)
        return str(answer.content.decode())

    maya.post(url("meeting-lead", draft.pk), {"row": "title"})
    for _ in range(5):
        hands.advance(timedelta(seconds=11))
        page = poll(mona)
    assert ("Maya drives" in page, "1 here" in page) == (True, True)
    hands.advance(timedelta(seconds=6))
    assert "drives" not in poll(mona).split('id="presence"')[1].split("data-leads")[1].split("in sync")[0]
    assert "you drive" not in poll(maya)  # who comes back does not lead again
    mona.post(url("meeting-lead", draft.pk))
    assert "Mona drives" in poll(maya)
    assert list(Presence.objects.filter(leads_meeting=True).values_list("user", flat=True)) == [cast.manager.pk]


def test_an_edit_is_taken_back_from_the_log(browser: Client, cast: Any, draft: ModelVersion) -> None:
    set_points(draft.criteria.get(key="size"), 33, actor=cast.manager, rev=3)
    page = browser.get(url("criteria-draft", draft.pk)).content.decode()
    assert "points 15 → 33" in page
    assert "Mona Manager" in page
    answer = browser.post(url("edit-undo", draft.pk, 4), headers=HTMX)
    assert (answer.status_code, "Taken back" in answer["HX-Trigger"]) == (204, True)
    assert draft.criteria.get(key="size").points == 15
    again = browser.post(url("edit-undo", draft.pk, 4), headers=HTMX)
    assert "taken back already" in again["HX-Trigger"]
    assert browser.post(url("edit-undo", draft.pk, 4)).status_code == 409
    assert browser.post(url("edit-undo", draft.pk, 5), {"next": "edits"}).headers["Location"] == url("criteria-edits", draft.pk)
    assert draft.criteria.get(key="size").points == 33


def test_the_whole_log_is_paged_by_revision(browser: Client, cast: Any, draft: ModelVersion) -> None:
    for points in range(55):
        set_points(
            draft.criteria.get(key="size"), points + 100, actor=cast.manager, rev=ModelVersion.objects.get(pk=draft.pk).rev
        )
    first = browser.get(url("criteria-edits", draft.pk)).content.decode()
    assert first.count("Mona Manager") == 50
    older = re.search(r'href="\?before=(\d+)"', first)[1]
    second = browser.get(url("criteria-edits", draft.pk), {"before": older}).content.decode()
    assert second.count("Mona Manager") == 5
    assert "Older edits" not in second


def test_who_may_not_edit_follows_without_a_single_control(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_tally("demo", 9), actor=cast.marketer, rev=3)
    page = client_of(cast.rep).get(url("criteria-draft", draft.pk)).content.decode()
    assert "Company size" in page
    for name in ("criterion-points", "criterion-move", "criterion-remove", "criterion-edit", "gate-add", "criteria-withdraw"):
        args = [draft.pk, "size"] if name.startswith("criterion-") else [draft.pk]
        assert f'"{url(name, *args)}"' not in page, name
    assert url("criterion-talk", draft.pk, "size") in page


def test_a_row_that_is_gone_is_a_conflict_with_a_way_back(browser: Client, cast: Any, draft: ModelVersion) -> None:
    from scoring.actions.criteria import remove_criterion

    remove_criterion(draft.criteria.get(key="size"), actor=cast.manager, rev=3)
    answer = browser.post(url("criterion-points", draft.pk, "size"), {"rev": 3, "points": 5}, headers=HTMX)
    assert answer.status_code == 409
    assert "can put it back" in answer.content.decode()
    assert browser.post(url("criterion-points", draft.pk, "never"), {"rev": 3, "points": 5}).status_code == 404


def test_a_criterion_is_put_where_it_was_dropped(browser: Client, cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_test("country", 5, clause("lead.country", "known")), actor=cast.marketer, rev=3)
    browser.post(url("criterion-move", draft.pk, "country"), {"rev": 4, "before": "size"}, headers=HTMX)
    assert [one.key for one in draft.criteria.all()] == ["country", "size", "title"]
    browser.post(url("criterion-move", draft.pk, "country"), {"rev": 4, "before": ""}, headers=HTMX)
    assert [one.key for one in draft.criteria.all()] == ["size", "title", "country"]
    gone = browser.post(url("criterion-move", draft.pk, "country"), {"rev": 4, "before": "nobody"}, headers=HTMX)
    assert gone.status_code == 409


def test_the_same_points_set_by_two_need_no_question(browser: Client, cast: Any, draft: ModelVersion) -> None:
    set_points(draft.criteria.get(key="size"), 33, actor=cast.manager, rev=3)
    points = url("criterion-points", draft.pk, "size")
    other = browser.post(points, {"rev": 3, "points": 20}, headers=HTMX)
    assert (other.status_code, "Use my 20" in other.content.decode()) == (409, True)
    assert 'id="figures-size"' in other.content.decode(), "a row in conflict has all of its cells"
    same = browser.post(points, {"rev": 3, "points": 33}, headers=HTMX)
    assert (same.status_code, "Use my" in same.content.decode()) == (200, False)
    assert draft.edits.count() == 3, "nothing was changed once more"


def test_no_points_are_asked_for_in_plain_words(browser: Client, draft: ModelVersion) -> None:
    answer = browser.post(url("criterion-points", draft.pk, "size"), {"rev": 3, "points": ""}, headers=HTMX)
    assert (answer.status_code, "Type whole points." in answer.content.decode()) == (422, True)


def test_the_points_of_a_draft_are_counted_once_for_all(browser: Client, cast: Any, draft: ModelVersion) -> None:
    """In its head as in what is refused: with caps and with what pays several times."""
    tally = a_tally("papers", 10, award="each", freq_max=4, cap=25)
    add_criterion(draft, tally, actor=cast.marketer, rev=3)
    page = browser.get(url("criteria-draft", draft.pk)).content.decode()
    assert "3 active, at most 45 points" in page
    refused = browser.post(url("criteria-threshold", draft.pk), {"rev": 4, "threshold": 46}, headers=HTMX)
    assert "at most 45 points can be earned" in refused.content.decode()
    add_criterion(draft, a_tally("views", 1, "page_view", award="each"), actor=cast.marketer, rev=4)
    assert "4 active, points without a limit" in browser.get(url("criteria-draft", draft.pk)).content.decode()
