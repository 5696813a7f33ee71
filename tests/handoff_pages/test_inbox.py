"""The inbox: what is in it, in which order, with which clocks and figures, and how it stays true by itself."""

import re
from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, log_attempt, reassign, reject_handoff
from handoff.clocks import clock_of, faces_of
from handoff.desk import Desk
from handoff.models import SlaTimer
from handoff.states import ClockKind
from tests.handoff.conftest import HOUR, MONDAY

MINUTE = timedelta(minutes=1)


def order_of(response):
    return [int(found) for found in re.findall(r'<li class="p-lead-row[^"]*" id="handoff-(\d+)"', response.content.decode())]


# Clocks


def test_a_fresh_offer_is_due_today_with_the_time_left_in_working_hours(work):
    handoff = work.offered()
    face = faces_of([handoff], work.hands and MONDAY)[handoff.pk]
    assert (face.state, face.left, face.total, face.used) == ("today", 4 * 3600, 4 * 3600, 0)
    assert face.runs_until == MONDAY + 7 * HOUR


@pytest.mark.parametrize(
    ("after", "state", "left"),
    [
        (3 * HOUR + 29 * MINUTE, "today", 31 * 60),
        (3 * HOUR + 31 * MINUTE, "soon", 29 * 60),
        (4 * HOUR, "soon", 0),
        (4 * HOUR + timedelta(microseconds=1), "overdue", -1),
        (5 * HOUR, "overdue", -3600),
    ],
)
def test_the_state_of_a_clock_changes_at_its_boundaries(work, after, state, left):
    handoff = work.offered()
    face = faces_of([handoff], MONDAY + after)[handoff.pk]
    assert (face.state, face.left) == (state, left)


def test_out_of_hours_a_clock_stands_still_and_says_when_it_goes_on(work):
    work.hands.move_to(MONDAY + 5 * HOUR)  # 15:00 in Berlin
    handoff = work.offered()
    face = faces_of([handoff], MONDAY + 12 * HOUR)[handoff.pk]
    assert (face.state, face.left, face.text) == ("paused", 2 * 3600, "Resumes")
    assert face.resumes_at == MONDAY + 23 * HOUR  # Tuesday 09:00


def test_an_overdue_clock_stands_still_out_of_hours_but_stays_overdue(work):
    handoff = work.offered()
    evening, later = MONDAY + 8 * HOUR, MONDAY + 12 * HOUR
    first, second = faces_of([handoff], evening)[handoff.pk], faces_of([handoff], later)[handoff.pk]
    assert (first.state, second.state) == ("overdue", "overdue")
    assert first.left == second.left == -3 * 3600
    assert second.runs_until == later


def test_an_offer_due_tomorrow_is_on_track(work):
    work.hands.move_to(MONDAY + 5 * HOUR)
    handoff = work.offered()
    assert faces_of([handoff], MONDAY + 6 * HOUR)[handoff.pk].state == "track"


def test_without_a_running_clock_the_face_says_where_the_hand_off_stands(work, cast):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    handoff = work.fresh(handoff)
    assert clock_of(handoff, None, MONDAY).text == "Rejected"
    assert clock_of(handoff, work.timer(handoff, ClockKind.ACCEPT), MONDAY).state == "done"


def test_a_paused_clock_shows_the_time_it_has_left(work):
    handoff = work.offered()
    timer = work.timer(handoff, ClockKind.ACCEPT)
    timer.state, timer.consumed_us = SlaTimer.State.PAUSED, 3600 * 1_000_000
    face = clock_of(handoff, timer, MONDAY + HOUR)
    assert (face.state, face.left, face.resumes_at) == ("paused", 3 * 3600, None)


# What is in it


def test_a_rep_sees_their_own_hand_offs_and_nobody_elses(work, cast, client_of, two_reps):
    first, second = work.offered(), work.offered()
    mine, theirs = (first, second) if first.owner == cast.rep else (second, first)
    page = client_of(mine.owner).get("/inbox/")
    assert order_of(page) == [mine.pk]
    assert theirs.lead.company.name not in page.content.decode()


def test_the_most_urgent_comes_first_then_the_better_tier(work, cast, client_of):
    urgent = work.offered()
    work.hands.advance(HOUR)
    low, high = work.offered(), work.offered()
    type(low).objects.filter(pk=low.pk).update(tier=1)
    assert order_of(client_of(cast.rep).get("/inbox/")) == [urgent.pk, high.pk, low.pk]


def test_a_row_says_who_why_how_big_and_how_good(work, cast, client_of):
    company = work.make.company("Northwind Freight", industry="Logistics", employees=480, country="NL")
    work.offered(lead=work.make.lead(company=company, first_name="Ivy", last_name="Okafor", job_title="IT Manager"))
    html = client_of(cast.rep).get("/inbox/").content.decode()
    for words in (
        "Northwind Freight",
        "Ivy Okafor, IT Manager",
        "Requested a demo",
        "Logistics · 480 employees · NL",
        "Due today",
        "4h 00m",
    ):
        assert words in html


def test_a_lead_without_a_company_goes_by_its_own_name(work, cast, client_of):
    work.offered(lead=work.make.lead(first_name="Solo", last_name="Person", company=None))
    html = client_of(cast.rep).get("/inbox/").content.decode()
    assert "Solo Person" in html
    assert "Company not known" in html


def test_hostile_names_stay_text(work, cast, client_of):
    evil = "<script>alert(1)</script>\"' onmouseover=x"
    company = work.make.company(evil, industry="<b>bold</b>")
    handoff = work.offered(
        lead=work.make.lead(company=company, first_name="\u202eevil", last_name="x" * 120, job_title="{{ 7|add:7 }}")
    )
    browser = client_of(cast.rep)
    for url in ("/inbox/", f"/handoffs/{handoff.pk}/"):
        html = browser.get(url).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<b>bold" not in html


def test_figures_agree_with_the_rows(work, cast):
    first = work.offered()
    work.hands.advance(3 * HOUR + 45 * MINUTE)
    work.offered()
    figures = Desk(cast.rep, MONDAY + 3 * HOUR + 45 * MINUTE).figures
    assert (figures.waiting, figures.overdue, figures.soon, figures.in_time) == (2, 0, 1, None)
    accept_handoff(first, actor=cast.rep)
    work.hands.advance(HOUR)
    figures = Desk(cast.rep, MONDAY + 4 * HOUR + 45 * MINUTE).figures
    assert (figures.waiting, figures.in_time) == (1, 1.0)


def test_answers_given_late_lower_the_share_answered_in_time(work, cast):
    for _ in range(2):
        accept_handoff(work.offered(), actor=cast.rep)
    late = work.offered()
    work.hands.advance(5 * HOUR)
    accept_handoff(late, actor=cast.rep)
    assert Desk(cast.rep, MONDAY + 6 * HOUR).figures.in_time == pytest.approx(2 / 3)


def test_what_was_never_answered_in_time_is_no_kept_promise(work, cast):
    accept_handoff(work.offered(), actor=cast.rep)
    ignored = work.offered()
    assert Desk(cast.rep, MONDAY + HOUR).figures.in_time == 1.0  # still time
    work.hands.advance(5 * HOUR)
    figures = Desk(cast.rep, MONDAY + 5 * HOUR).figures
    assert (figures.overdue, figures.in_time) == (1, 0.5)
    # Given to somebody else when it was overdue, it stays broken of who let it lie, and is none of who has it now.
    work.rep(cast.other_rep)
    reassign(ignored, actor=cast.manager, to=cast.other_rep)
    assert Desk(cast.rep, MONDAY + 5 * HOUR).figures.in_time == 0.5
    assert Desk(cast.other_rep, MONDAY + 5 * HOUR).figures.in_time is None
    # Taken away in time it counts for nobody.
    fresh = work.offered()
    giver = fresh.owner
    before = Desk(giver, MONDAY + 5 * HOUR).figures.in_time
    reassign(fresh, actor=cast.manager, to=cast.other_rep if giver == cast.rep else cast.rep)
    assert Desk(giver, MONDAY + 5 * HOUR).figures.in_time == before


@pytest.mark.parametrize(
    ("tab", "expected"), [("all", 2), ("overdue", 1), ("hot", 2), ("accepted", 1), ("working", 1), ("nonsense", 2)]
)
def test_tabs_narrow_the_list(work, cast, client_of, tab, expected):
    overdue, taken, contacted = work.offered(), work.offered(), work.offered()
    accept_handoff(taken, actor=cast.rep)
    accept_handoff(contacted, actor=cast.rep)
    log_attempt(contacted, actor=cast.rep, channel="call", result="reached")
    work.hands.advance(5 * HOUR)
    page = client_of(cast.rep).get("/inbox/", {"tab": tab})
    assert len(order_of(page)) == expected
    assert (overdue.pk in order_of(page)) == (tab not in ("accepted", "working"))


def test_search_finds_by_person_and_company_and_says_when_nothing_matches(work, cast, client_of):
    work.offered(lead=work.make.lead(company=work.make.company("Quillon Foods"), first_name="Zoë", last_name="Brandt"))
    work.offered()
    browser = client_of(cast.rep)
    assert len(order_of(browser.get("/inbox/", {"q": "quillon"}))) == 1
    assert len(order_of(browser.get("/inbox/", {"q": "ZOË brandt"}))) == 1
    nothing = browser.get("/inbox/", {"q": "nobody"})
    assert order_of(nothing) == []
    assert "No hand-off in hand has these words." in nothing.content.decode()


def test_an_empty_inbox_says_so(work, cast, client_of):
    html = client_of(cast.rep).get("/inbox/").content.decode()
    assert "Nothing waits for you." in html


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("rep", 200), ("other_rep", 200), ("manager", 200), ("marketer", 403), ("marketing_ops", 403), ("head_of_marketing", 403),
        ("head_of_sales", 403), ("admin", 403), ("outsider", 302),
    ],
)  # fmt: skip
def test_who_has_an_inbox(work, cast, client_of, who, status):
    browser = client_of(getattr(cast, who))
    assert browser.get("/inbox/").status_code == status
    assert browser.get("/inbox/pulse/").status_code == status


# The quiet refresh


def hidden(response, name):
    return re.search(rf'name="{name}" value="([^"]*)"', response.content.decode()).group(1)


def test_nothing_new_is_answered_with_nothing(work, cast, hx):
    work.offered()
    browser = hx(cast.rep)
    page = browser.client.get("/inbox/")
    assert browser.get("/inbox/pulse/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")}).status_code == 204


def test_new_work_is_announced_and_never_inserted(work, cast, hx):
    work.offered()
    browser = hx(cast.rep)
    page = browser.client.get("/inbox/")
    work.hands.advance(MINUTE)
    new = work.offered()
    answer = browser.get("/inbox/pulse/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")})
    html = answer.content.decode()
    assert "1 new hand-off." in html
    assert f'id="handoff-{new.pk}"' not in html
    assert "2 leads waiting" in html  # the figures follow at once
    again = browser.get("/inbox/pulse/", {"mark": hidden(answer, "mark"), "since": hidden(answer, "since")})
    assert again.status_code == 204  # told once; what was told stays on the page


def test_figures_follow_when_a_clock_runs_out_though_nobody_did_anything(work, cast, hx):
    work.offered()
    browser = hx(cast.rep)
    page = browser.client.get("/inbox/")
    work.hands.advance(5 * HOUR)
    html = browser.get("/inbox/pulse/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")}).content.decode()
    assert "new hand-off" not in html
    assert 'id="inbox-figures" hx-swap-oob="true"' in html


def test_ones_own_answer_is_not_news(work, cast, hx):
    handoff = work.offered()
    browser = hx(cast.rep)
    page = browser.client.get("/inbox/")
    answer = browser.post(f"/handoffs/{handoff.pk}/accept/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")})
    assert browser.get("/inbox/pulse/", {"mark": hidden(answer, "mark"), "since": hidden(answer, "since")}).status_code == 204


def test_a_hand_off_taken_away_changes_the_figures(work, cast, hx, two_reps):
    handoff = work.offered()
    browser = hx(cast.rep)
    page = browser.client.get("/inbox/")
    reassign(handoff, actor=cast.manager, to=cast.other_rep, reason="Holiday")
    html = browser.get("/inbox/pulse/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")}).content.decode()
    assert "Nothing waits for you." in html


@pytest.mark.parametrize("since", ["", "nonsense", "2026-06-08", "2026-99-99T00:00:00Z", "\x00"])
def test_a_pulse_with_a_time_nobody_can_read_is_no_news(work, cast, hx, since):
    work.offered()
    answer = hx(cast.rep).get("/inbox/pulse/", {"mark": "x", "since": since})
    assert answer.status_code == 200
    assert "new hand-off" not in answer.content.decode()


def test_a_fragment_is_marked_as_one(work, cast, hx):
    work.offered()
    answer = hx(cast.rep).get("/inbox/")
    assert "HX-Request" in answer["Vary"]
    assert "<html" not in answer.content.decode()


def test_out_of_hours_the_inbox_says_when_they_begin_again(work, cast, client_of, hx):
    work.offered()
    work.hands.advance(HOUR)
    work.offered()
    page = client_of(cast.rep).get("/inbox/")
    assert "2 leads waiting for you. Answer the top one first." in page.content.decode()
    work.hands.move_to(MONDAY + 12 * HOUR)  # both late or not, nothing runs until Tuesday 09:00 in Berlin
    evening = client_of(cast.rep).get("/inbox/").content.decode()
    assert "Answer the top one first" not in evening
    assert re.search("2 leads waiting for you. Your hours begin again <time[^>]*>Tuesday 9 Jun, 09:00</time>", evening)
    pulse = hx(cast.rep).get("/inbox/pulse/", {"mark": hidden(page, "mark"), "since": hidden(page, "since")})
    assert "Tuesday 9 Jun, 09:00" in pulse.content.decode()
    work.hands.move_to(MONDAY + 23 * HOUR)
    assert "Answer the top one first" in client_of(cast.rep).get("/inbox/").content.decode()


# Length


@pytest.fixture
def queries_of(client_of, cast, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(url):
        browser = client_of(cast.rep)
        browser.get(url)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert browser.get(url).status_code == 200
        return len(captured)

    return count


@pytest.mark.slow
def test_the_inbox_asks_the_same_of_the_database_with_5_and_with_500(work, cast, queries_of, client_of):
    from handoff.actions.opening import open_handoffs
    from handoff.models import Rep
    from handoff.routing import route_waiting

    Rep.objects.filter(user=cast.rep).update(open_cap=1000)
    for _ in range(5):
        work.offered()
    few = {url: queries_of(url) for url in ("/inbox/", "/inbox/pulse/", "/inbox/?q=ivy")}
    for _ in range(495):
        work.qualification()
    while open_handoffs():
        pass
    route_waiting(1000)
    many = {url: queries_of(url) for url in few}
    assert many == few
    assert few["/inbox/"] <= 16
    page = client_of(cast.rep).get("/inbox/")
    assert len(order_of(page)) == 50
    assert len(order_of(client_of(cast.rep).get("/inbox/?page=10"))) == 50
