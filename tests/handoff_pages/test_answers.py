"""Answering on the pages: with and without script, stale pages, double clicks, two tabs, undo, reasons in place, who may."""

import re
from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, reassign
from handoff.models import Handoff, HandoffEvent
from leads.models import Reason
from tests.handoff.conftest import HOUR, MONDAY

STAFF = ("rep", "other_rep", "manager", "marketer", "marketing_ops", "head_of_marketing", "head_of_sales", "admin", "outsider")


def state_of(handoff):
    return Handoff.objects.get(pk=handoff.pk).state


# Without script


def test_accepting_without_script_leads_back_to_the_inbox_with_an_undo(work, cast, client_of):
    handoff = work.offered()
    browser = client_of(cast.rep)
    answer = browser.post(f"/handoffs/{handoff.pk}/accept/", follow=True)
    assert answer.redirect_chain == [("/inbox/", 302)]
    assert state_of(handoff) == "accepted"
    assert f"/handoffs/{handoff.pk}/undo/" in answer.content.decode()
    browser.post(f"/handoffs/{handoff.pk}/undo/")
    assert state_of(handoff) == "offered"


def test_the_undo_of_a_page_loaded_anew_ends_with_the_time(work, cast, client_of):
    handoff = work.offered()
    browser = client_of(cast.rep)
    browser.post(f"/handoffs/{handoff.pk}/accept/")
    work.hands.advance(timedelta(seconds=16))
    assert f"/handoffs/{handoff.pk}/undo/" not in browser.get("/inbox/").content.decode()


def test_rejecting_without_script_takes_the_reason_and_the_note(work, cast, client_of):
    handoff = work.offered()
    client_of(cast.rep).post(f"/handoffs/{handoff.pk}/reject/", {"reason": "too_small", "note": "Four people"})
    rejected = Handoff.objects.get(pk=handoff.pk)
    assert (rejected.state, rejected.reason.code, rejected.note) == ("rejected", "too_small", "Four people")


def test_an_answer_from_the_packet_leads_back_to_the_packet(work, cast, client_of):
    handoff = work.offered()
    page = f"/handoffs/{handoff.pk}/"
    assert client_of(cast.rep).post(f"{page}accept/", {"next": page})["Location"] == page


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "javascript:alert(1)", "\\\\evil.test"])
def test_an_answer_never_leads_to_another_site(work, cast, client_of, target):
    handoff = work.offered()
    assert client_of(cast.rep).post(f"/handoffs/{handoff.pk}/accept/", {"next": target})["Location"] == "/inbox/"


def test_a_rejection_has_a_page_of_its_own_for_who_has_no_menu(work, cast, client_of):
    handoff = work.offered()
    html = client_of(cast.rep).get(f"/handoffs/{handoff.pk}/reject/").content.decode()
    assert "Not our industry" in html
    assert "Price" not in html  # a reason for losing, not for rejecting


# In place


def test_the_row_becomes_a_strip_with_undo_and_the_figures_follow(work, cast, hx):
    handoff = work.offered()
    work.offered()
    html = hx(cast.rep).post(f"/handoffs/{handoff.pk}/accept/").content.decode()
    assert f'id="answered-{handoff.pk}"' in html
    assert f'data-until="{(MONDAY + timedelta(seconds=15)).isoformat()}"' in html
    assert "1 lead waiting" in html
    assert "<html" not in html


def test_taking_back_brings_the_row_back_with_its_clock(work, cast, hx):
    handoff = work.offered()
    browser = hx(cast.rep)
    browser.post(f"/handoffs/{handoff.pk}/reject/", {"reason": "no_need"})
    work.hands.advance(timedelta(seconds=10))
    html = browser.post(f"/handoffs/{handoff.pk}/undo/").content.decode()
    assert f'id="handoff-{handoff.pk}"' in html
    assert "3h 59m" in html
    assert state_of(handoff) == "offered"


def test_taking_back_too_late_is_told_in_place(work, cast, hx):
    handoff = work.offered()
    browser = hx(cast.rep)
    browser.post(f"/handoffs/{handoff.pk}/accept/")
    work.hands.advance(timedelta(seconds=16))
    answer = browser.post(f"/handoffs/{handoff.pk}/undo/")
    assert answer.status_code == 409
    assert "The time to take this answer back is over." in answer.content.decode()
    assert state_of(handoff) == "accepted"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose a reason"),
        ({"reason": "nonsense"}, "Choose a reason"),
        ({"reason": "price", "note": "Kept words"}, "Choose a reason"),
        ({"reason": "other", "note": "   "}, "needs a few words"),
        ({"reason": "too_small", "note": "Kept words" + "x" * 500}, "500 fit"),
    ],
)
def test_a_rejection_that_is_not_right_comes_back_with_what_was_typed(work, cast, hx, client_of, data, words):
    handoff = work.offered()
    for browser in (hx(cast.rep), client_of(cast.rep)):
        answer = browser.post(f"/handoffs/{handoff.pk}/reject/", data)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert words in html
        assert data.get("note", "").strip() in html
        assert re.search(rf'value="{data.get("reason")}" selected', html) or data.get("reason") in (None, "nonsense", "price")
    assert state_of(handoff) == "offered"


def test_the_reasons_are_a_tree_with_a_digit_each(work, cast, client_of):
    work.offered()
    html = client_of(cast.rep).get("/inbox/").content.decode()
    menu = html[html.index('class="p-menu p-menu-sheet p-menu-reasons"') :]
    assert re.findall(r"<kbd>(\d)</kbd>", menu)[:10] == list("1234567890")
    assert menu.index("Does not fit") < menu.index("Too small") < menu.index("No need or project")
    Reason.objects.filter(code="too_small").update(active=False)
    assert "Too small" not in client_of(cast.rep).get("/inbox/").content.decode()


# Too late, twice, elsewhere


def test_answering_what_was_given_to_somebody_else_is_a_conflict_in_words(work, cast, hx, client_of, two_reps):
    handoff = work.offered()
    reassign(handoff, actor=cast.manager, to=cast.other_rep, reason="Holiday")
    for browser in (hx(cast.rep), client_of(cast.rep)):
        for verb, data in (("accept", {}), ("reject", {"reason": "no_need"})):
            answer = browser.post(f"/handoffs/{handoff.pk}/{verb}/", data)
            assert answer.status_code == 409
            assert "Mona Manager reassigned this hand-off to Otto Other at 10:00" in answer.content.decode()
    assert state_of(handoff) == "offered"


def test_who_cannot_reject_is_told_before_choosing_a_reason(work, cast, client_of):
    handoff = work.offered()
    answer = client_of(cast.manager).get(f"/handoffs/{handoff.pk}/reject/")
    assert answer.status_code == 403
    assert "Only the rep who has this hand-off can reject it." in answer.content.decode()
    client_of(cast.rep).post(f"/handoffs/{handoff.pk}/accept/")
    late = client_of(cast.rep).get(f"/handoffs/{handoff.pk}/reject/")
    assert late.status_code == 409
    assert "accepted this hand-off" in late.content.decode()


def test_rejecting_in_one_tab_what_was_accepted_in_the_other_is_a_conflict(work, cast, hx):
    handoff = work.offered()
    browser = hx(cast.rep)
    browser.post(f"/handoffs/{handoff.pk}/accept/")
    answer = browser.post(f"/handoffs/{handoff.pk}/reject/", {"reason": "no_need"})
    assert answer.status_code == 409
    assert "Rita Rep accepted this hand-off at 10:00" in answer.content.decode()
    assert state_of(handoff) == "accepted"


@pytest.mark.parametrize(("verb", "data"), [("accept", {}), ("reject", {"reason": "no_need"})])
def test_a_double_click_counts_once_and_says_nothing_wrong(work, cast, hx, client_of, verb, data):
    handoff = work.offered()
    assert hx(cast.rep).post(f"/handoffs/{handoff.pk}/{verb}/", data).status_code == 200
    assert hx(cast.rep).post(f"/handoffs/{handoff.pk}/{verb}/", data).status_code == 200
    assert client_of(cast.rep).post(f"/handoffs/{handoff.pk}/{verb}/", data).status_code == 302
    assert HandoffEvent.objects.filter(handoff=handoff, verb=verb).count() == 1


def test_a_conflict_on_the_packet_shows_the_packet_as_it_is_now(work, cast, client_of):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(HOUR)
    answer = client_of(cast.rep).post(f"/handoffs/{handoff.pk}/accept/", {"next": f"/handoffs/{handoff.pk}/"})
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Rita Rep accepted this hand-off" in html
    assert "Log attempt" in html


# Who


@pytest.mark.parametrize("who", STAFF)
@pytest.mark.parametrize(("verb", "data"), [("accept", {}), ("reject", {"reason": "no_need"}), ("undo", {})])
def test_only_the_rep_it_is_offered_to_answers(work, cast, client_of, who, verb, data):
    handoff = work.offered()
    status = client_of(getattr(cast, who)).post(f"/handoffs/{handoff.pk}/{verb}/", data).status_code
    too_early = 409 if verb == "undo" else None  # there is no answer to take back yet
    expected = {"rep": too_early or 302, "other_rep": 404, "manager": too_early or 403, "outsider": 302}.get(who, 403)
    assert status == expected
    changed = who == "rep" and verb != "undo"
    assert (state_of(handoff) != "offered") == changed


@pytest.mark.parametrize(
    "verb", ["accept", "undo", "attempt", "convert", "win", "lose", "give-up", "reassign", "withdraw", "settle"]
)
def test_a_look_changes_nothing(work, cast, client_of, verb):
    handoff = work.offered()
    assert client_of(cast.rep).get(f"/handoffs/{handoff.pk}/{verb}/").status_code in (403, 405)
    assert state_of(handoff) == "offered"


def test_an_attempt_that_is_not_right_is_told_in_place_of_the_row_alone(work, cast, hx, client_of):
    handoff = work.offered()
    client_of(cast.rep).post(f"/handoffs/{handoff.pk}/accept/")
    answer = hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": "pigeon:lost"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose how you tried to reach the person." in html
    assert f'id="handoff-{handoff.pk}"' in html
    assert "<html" not in html
    assert state_of(handoff) == "accepted"


@pytest.mark.parametrize("path", ["", "row/", "reject/"])
def test_what_does_not_exist_is_not_found(work, cast, client_of, path):
    assert client_of(cast.rep).get(f"/handoffs/999999/{path}").status_code == 404
    assert client_of(cast.rep).get(f"/handoffs/{2**63}/{path}").status_code in (404, 400)


def test_a_post_without_token_is_refused(work, cast, client_of):
    handoff = work.offered()
    assert client_of(cast.rep, enforce_csrf_checks=True).post(f"/handoffs/{handoff.pk}/accept/").status_code == 403
    assert state_of(handoff) == "offered"


# On hold


def test_a_row_and_a_packet_are_put_on_hold_and_go_on(work, cast, client_of):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    browser, base = client_of(cast.rep), f"/handoffs/{handoff.pk}/"
    assert "Empty: for as long as it may be, until 15 Jun, 10:00 (CEST)." in browser.get(base).content.decode()
    script = {"HTTP_HX_REQUEST": "true"}
    nothing = browser.post(f"{base}pause/", {"pause-reason": ""}, **script)
    late = browser.post(f"{base}pause/", {"pause-reason": "Later", "pause-until": "2026-06-16"}, **script)
    assert (nothing.status_code, late.status_code) == (422, 422)
    assert "until 15 Jun, 10:00 (CEST) at most" in late.content.decode()
    row = browser.post(f"{base}pause/", {"pause-reason": "Call me on the 12th", "pause-until": "2026-06-12"}, **script)
    words = row.content.decode()
    assert (row.status_code, "Paused until" in words, ">12 Jun</time>" in words, f"{base}resume/" in words) == (
        200,
        True,
        True,
        True,
    )
    packet = browser.get(base).content.decode()
    assert "Call me on the 12th" in packet
    assert 'popovertarget="hold"' not in packet
    assert browser.post(f"{base}resume/")["Location"] == base
    assert browser.post(f"{base}resume/").status_code == 409
    wrong = browser.post(f"{base}pause/", {"pause-reason": "Later", "pause-until": "2026-06-16"})
    assert (wrong.status_code, "Later" in wrong.content.decode()) == (422, True)
