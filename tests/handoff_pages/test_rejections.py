"""The rejection review: reasons against the time before, filters, findings, verdicts one by one and together, the file."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff.actions import accept_handoff, recycle_handoff, reject_handoff, review_rejection, settle_dispute
from handoff.filters import RejectionFilter
from handoff.models import Handoff, RejectionReview, Rep
from handoff.rejections import answered, findings, is_cause, reason_bars, rejections, unreviewed_count
from handoff.states import ClockKind
from leads import clock
from leads.models import Campaign, Lead, Outbox
from leads.notify import bell
from leads.notify.outbox import deliver
from tests.handoff.conftest import HOUR, MONDAY

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def rejected(work, cast, reason="too_small", note="", ago=timedelta(0), **fields):
    handoff = work.offered(**fields)
    reject_handoff(handoff, actor=handoff.owner, reason=reason, note=note)
    Handoff.objects.filter(pk=handoff.pk).update(answered_at=MONDAY - ago)
    return handoff


@pytest.fixture
def later(work):
    """After the rep's time to take it back."""
    return lambda: work.hands.move_to(MONDAY + HOUR)


def rows_in(page):
    return [int(found) for found in re.findall(r'<tr id="rejection-(\d+)"', page.content.decode())]


# What is in the list


def test_the_list_holds_rejections_and_those_recycled_by_a_verdict_and_nothing_else(work, cast, later):
    waiting, sent_back = rejected(work, cast), rejected(work, cast)
    tired = work.offered()
    accept_handoff(tired, actor=cast.rep)
    recycle_handoff(tired, actor=cast.rep, note="Left the company")
    later()
    review_rejection(sent_back, actor=cast.marketer, verdict="recycle")
    assert set(rejections(cast.marketer).values_list("pk", flat=True)) == {waiting.pk, sent_back.pk}
    assert unreviewed_count(cast.marketer) == 1


def test_a_row_says_who_rejected_what_and_why(work, cast, client_of):
    lead = work.make.lead(
        company=work.make.company("Hollow Oak Winery"), first_campaign=Campaign.objects.create(name="Trade fair")
    )
    rejected(work, cast, reason="known_already", note="already a customer", lead=lead)
    html = client_of(cast.marketer).get("/rejections/").content.decode()
    for words in (
        "Hollow Oak Winery",
        "Trade fair",
        "Known already",
        "“already a customer”",
        "Rita Rep",
        "72",
        "1 of the last 90 days not reviewed",
    ):
        assert words in html, words


def test_before_the_first_rejection_the_page_says_so(work, cast, client_of):
    assert "No rep has rejected a lead yet." in client_of(cast.marketer).get("/rejections/").content.decode()


FILTERED = {
    "": "abd",
    "reason=too_small": "ad",
    "period=90": "abcd",
    "period=all": "abcd",
    "period=7": "bd",
    "reviewed=no": "bd",
    "reviewed=yes": "a",
    "reviewed=agree": "a",
    "reviewed=dispute": "",
    "score_min=73": "",
    "score_min=72": "abd",
    "source=Fair": "b",
    "campaign=webinar": "d",
    "rep=rita": "abd",
    "rep=otto": "",
    "q=quillon": "b",
    "q=budget": "d",
    "q=nobody": "",
}


def test_filters(work, cast, later, client_of, two_reps):
    campaign = Campaign.objects.create(name="Webinar")
    quillon = work.make.lead(company=work.make.company("Quillon Foods"), first_source="Fair")
    two_reps.takes_leads = False
    two_reps.off_reason = "away"
    two_reps.save()
    named = {
        "a": rejected(work, cast, ago=10 * DAY), "b": rejected(work, cast, reason="no_need", ago=DAY, lead=quillon),
        "c": rejected(work, cast, ago=40 * DAY),
        "d": rejected(work, cast, note="no budget", lead=work.make.lead(company=work.make.company(), first_campaign=campaign)),
    }  # fmt: skip
    later()
    review_rejection(named["a"], actor=cast.marketer, verdict="agree")
    names = {handoff.pk: name for name, handoff in named.items()}
    keys = {"=rita": f"={cast.rep.pk}", "=otto": f"={cast.other_rep.pk}", "=webinar": f"={campaign.pk}"}
    for words, expected in FILTERED.items():
        query = words
        for person, key in keys.items():
            query = query.replace(person, key)
        page = client_of(cast.marketer).get(f"/rejections/?{query}")
        assert (words, "".join(sorted(names[pk] for pk in rows_in(page)))) == (words, expected)
        assert ("No rejections match." in page.content.decode()) is (not expected)


def test_filters_nobody_can_read_break_nothing(work, cast, client_of):
    rejected(work, cast)
    browser = client_of(cast.marketer)
    for query in ("reason=nonsense", "score_min=many", "period=forever", "rep=0%00", "page=x", "page=99999", "score_min=1e999"):
        assert browser.get(f"/rejections/?{query}").status_code == 200, query
        file = browser.get(f"/rejections/export/?{query}")
        assert b"Company" in b"".join(file.streaming_content), query


def test_reasons_are_bars_against_the_same_time_before(work, cast, client_of):
    for ago in (0, 1, 2, 40):
        rejected(work, cast, ago=ago * DAY)
    rejected(work, cast, reason="no_need", ago=45 * DAY)
    bars = reason_bars(rejections(cast.marketer), now=MONDAY + HOUR, days=30, chosen="", query="period=30")
    assert [(bar.label, bar.value, bar.before) for bar in bars] == [("Too small", 3, 1), ("No need or project", 0, 1)]
    everything = reason_bars(rejections(cast.marketer), now=MONDAY + HOUR, days=None, chosen="too_small", query="")
    assert [(bar.value, bar.before, bar.is_on) for bar in everything] == [(4, None, True), (1, None, False)]
    assert "reason=too_small" in client_of(cast.marketer).get("/rejections/").content.decode()


SIZE = {
    "kind": "criterion",
    "dimension": "fit",
    "key": "size",
    "label": "Company size",
    "points": 20,
    "facts": {"company.employees": 12},
}
DEMO = {"kind": "criterion", "dimension": "engagement", "key": "demo", "label": "Requested a demo", "points": 52}


BAND = SIZE | {"key": "band", "label": "Company size 20 to 199", "points": 8}


def accepted(work, cast, lines, ago=timedelta(0)):
    handoff = work.offered(lines=lines)
    accept_handoff(handoff, actor=handoff.owner)
    Handoff.objects.filter(pk=handoff.pk).update(answered_at=MONDAY - ago)


@pytest.fixture
def roomy(work):
    """A rep who may have any number open."""
    Rep.objects.update(open_cap=1000)


def found(cast):
    return findings(rejections(cast.marketer), answered(cast.marketer))


def test_a_finding_names_the_criterion_that_paid_for_what_was_rejected(work, cast, roomy):
    for lines in ([BAND, DEMO], [BAND, DEMO], [DEMO], [BAND], [BAND]):
        rejected(work, cast, lines=lines)
    for lines in ([SIZE], [SIZE, DEMO], [BAND], [SIZE, DEMO], *([SIZE],) * 7):
        accepted(work, cast, lines)
    (finding,) = found(cast)
    assert (finding.reason, finding.count, finding.total, finding.points, finding.criterion) == (
        "Too small",
        4,
        5,
        8,
        "Company size 20 to 199",
    )
    assert (finding.share, finding.everywhere, finding.handoffs) == (0.8, 5, 16)


def test_what_nearly_every_lead_gets_is_no_cause(work, cast, roomy):
    for _ in range(4):
        rejected(work, cast, lines=[SIZE, DEMO])
    for _ in range(6):
        accepted(work, cast, [SIZE])
    assert found(cast) == []


def test_a_reason_that_names_no_facts_says_nothing_about_criteria(work, cast, roomy):
    for _ in range(5):
        rejected(work, cast, reason="bad_timing", lines=[BAND, DEMO])
    for _ in range(6):
        accepted(work, cast, [SIZE])
    assert found(cast) == []


def test_points_that_were_taken_away_are_no_finding(work, cast, roomy):
    for _ in range(4):
        rejected(work, cast, lines=[SIZE | {"points": -5}, SIZE | {"kind": "cap", "key": "cap"}, DEMO])
    accepted(work, cast, [DEMO])
    assert found(cast) == []


@pytest.mark.parametrize(
    ("count", "total", "everywhere", "handoffs", "cause"),
    [
        (2, 2, 1, 100, False),  # two say nothing
        (3, 3, 20, 100, True),
        (3, 4, 45, 100, False),  # may well be chance
        (9, 11, 40, 100, True),
        (11, 11, 90, 100, False),  # nearly everybody
        (49, 100, 5, 100, False),  # under half
        (60, 100, 50, 100, False),  # too little more
        (5, 5, 0, 0, False),
    ],
)
def test_how_much_oftener_is_clearly_oftener(count, total, everywhere, handoffs, cause):
    assert is_cause(count, total, everywhere, handoffs) is cause


def test_the_page_compares_with_the_hand_offs_of_the_same_period(work, cast, roomy, client_of):
    for _ in range(4):
        rejected(work, cast, lines=[BAND])
    for _ in range(6):
        accepted(work, cast, [SIZE])
        accepted(work, cast, [BAND], ago=60 * DAY)
    browser = client_of(cast.marketer)
    assert "against 4 of all 10 answered" in browser.get("/rejections/?period=30").content.decode()
    assert "What the criteria paid for" not in browser.get("/rejections/?period=all").content.decode()


def test_the_score_lines_of_a_rejection_are_a_part_of_their_own(work, cast, hx):
    handoff = rejected(work, cast)
    html = hx(cast.marketer).get(f"/rejections/{handoff.pk}/lines/").content.decode()
    assert "Requested a demo" in html
    assert "72" in html
    assert "<html" not in html


# Verdicts


@pytest.mark.parametrize(
    ("data", "verdict", "state"),
    [
        ({"verdict": "agree"}, "agree", "rejected"),
        ({"verdict": "dispute", "note": "The group has 400"}, "dispute", "rejected"),
        ({"verdict": "recycle", "return_on": "2026-09-01", "note": "Next year"}, "recycle", "recycled"),
    ],
)
def test_a_verdict_comes_back_as_the_row(work, cast, later, hx, data, verdict, state):
    handoff = rejected(work, cast)
    later()
    answer = hx(cast.marketer).post("/rejections/review/", {"ids": handoff.pk, **data})
    review = RejectionReview.objects.get()
    assert (answer.status_code, review.verdict, Handoff.objects.get().state) == (200, verdict, state)
    assert review.get_verdict_display() in answer.content.decode()
    if verdict == "recycle":
        assert str(Handoff.objects.get().lead.return_on) == "2026-09-01"


def test_a_verdict_counts_down_what_waits_on_the_page_and_in_the_navigation(work, cast, later, hx):
    first, second = rejected(work, cast), rejected(work, cast)
    later()
    for handoff, left, words in (
        (first, 1, "1 of the last 90 days not reviewed"),
        (second, 0, "all of the last 90 days reviewed"),
    ):
        answer = hx(cast.marketer).post("/rejections/review/", {"ids": handoff.pk, "verdict": "agree"})
        assert f'id="rejections-waiting" hx-swap-oob="true">{words}</span>' in answer.content.decode()
        assert json.loads(answer["HX-Trigger"]) == {"badge": {"key": "rejections", "count": left}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"verdict": "dispute", "note": "  "}, "Say what you doubt"),
        ({"verdict": "recycle", "return_on": "2026-06-01"}, "The day must lie ahead"),
        ({"verdict": "recycle", "return_on": "soon"}, "Enter a valid date"),
        ({"verdict": "shrug"}, "Select a valid choice"),
        ({}, "This field is required"),
    ],
)
def test_a_verdict_that_is_not_right_comes_back_in_its_row(work, cast, later, hx, data, words):
    handoff = rejected(work, cast)
    later()
    answer = hx(cast.marketer).post("/rejections/review/", {"ids": handoff.pk, **data})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert f'id="rejection-{handoff.pk}"' in answer.content.decode()
    # One way on: the form of the verdict that was meant, or all of them where nobody can tell which.
    sends = re.findall(r"<button[^>]*p-primary[^>]*>(.*?)</button>", answer.content.decode())
    assert sends == (
        [data["verdict"].capitalize()] if data.get("verdict") in ("dispute", "recycle") else ["Agree", "Recycle", "Dispute"]
    )
    assert not RejectionReview.objects.exists()


def test_a_second_verdict_on_the_same_rejection_is_a_conflict(work, cast, later, hx):
    handoff = rejected(work, cast)
    later()
    assert hx(cast.marketer).post("/rejections/review/", {"ids": handoff.pk, "verdict": "agree"}).status_code == 200
    answer = hx(cast.marketing_ops).post("/rejections/review/", {"ids": handoff.pk, "verdict": "dispute", "note": "No"})
    assert answer.status_code == 409
    assert "reviewed already" in answer.content.decode()
    assert RejectionReview.objects.get().verdict == "agree"


def test_several_at_once_and_one_that_cannot_be_does_not_hold_up_the_others(work, cast, later, client_of):
    first, second, done = (rejected(work, cast) for _ in range(3))
    later()
    review_rejection(done, actor=cast.marketing_ops, verdict="agree")
    page = client_of(cast.marketer).post(
        "/rejections/review/",
        {
            "ids": [first.pk, second.pk, done.pk],
            "verdict": "recycle",
            "return_on": "2026-09-01",
            "next": "/rejections/?period=all",
        },
        follow=True,
    )
    assert page.redirect_chain == [("/rejections/?period=all", 302)]
    html = page.content.decode()
    assert "2 rejections recycled." in html
    assert "reviewed already" in html
    assert RejectionReview.objects.filter(verdict="recycle").count() == 2


def test_a_verdict_can_be_taken_back_for_fifteen_seconds(work, cast, later, hx, client_of):
    handoff = rejected(work, cast)
    later()
    while deliver(clock.now()):
        pass
    assert bell.unread(cast.marketer) == 1  # the rejection
    lead = handoff.lead
    Lead.objects.filter(pk=lead.pk).update(engagement_from=MONDAY - DAY)
    before = Lead.objects.values("stage", "stage_reason", "owner_id", "engagement_from", "return_on").get(pk=lead.pk)
    review_clock = work.timer(handoff, ClockKind.REVIEW)
    maya = hx(cast.marketer)

    def verdict(verdict, **more):
        return maya.post("/rejections/review/", {"ids": handoff.pk, "verdict": verdict, **more})

    for given in (
        {"verdict": "agree"},
        {"verdict": "dispute", "note": "They have 300"},
        {"verdict": "recycle", "return_on": "2026-09-01"},
    ):
        answer = verdict(**given)
        assert "Undo" in answer.content.decode()
        assert bell.unread(cast.marketer) == 0  # what she acted on, she has seen
        work.hands.advance(timedelta(seconds=5))
        undone = maya.post("/rejections/undo/", {"ids": handoff.pk})
        assert undone.status_code == 200
        assert 'value="agree"' in undone.content.decode()
        assert json.loads(undone["HX-Trigger"])["badge"] == {"key": "rejections", "count": 1}
        assert (work.fresh(handoff).state, RejectionReview.objects.count()) == ("rejected", 0)
        assert Lead.objects.values(*before).get(pk=lead.pk) == before
        review_clock.refresh_from_db()
        assert (review_clock.state, work.timer(handoff, ClockKind.REVIEW).pk) == ("running", review_clock.pk)
        assert not handoff.timers.filter(kind=ClockKind.DISPUTE, state="running").exists()
    # The dispute that was taken back is told to nobody.
    work.hands.advance(MINUTE)
    while deliver(clock.now()):
        pass
    assert not Outbox.objects.filter(kind="handoff.disputed", state="sent").exists()
    # Only the person's own verdict, only in time, only while the lead has not moved on.
    verdict("agree")
    assert hx(cast.marketing_ops).post("/rejections/undo/", {"ids": handoff.pk}).status_code == 409
    work.hands.advance(timedelta(seconds=16))
    late = maya.post("/rejections/undo/", {"ids": handoff.pk})
    assert (late.status_code, "time to take this verdict back is over" in late.content.decode()) == (409, True)
    # Several at once come back at once.
    others = [rejected(work, cast) for _ in range(2)]
    work.hands.advance(MINUTE)
    browser = client_of(cast.marketer)
    browser.post("/rejections/review/", {"ids": [one.pk for one in others], "verdict": "recycle"})
    page = browser.get("/rejections/").content.decode()
    assert "2 rejections recycled." in page
    assert 'action="/rejections/undo/"' in page
    browser.post("/rejections/undo/", {"ids": [one.pk for one in others]})
    assert {work.fresh(one).state for one in others} == {"rejected"}
    assert "2 rejections recycled." not in browser.get("/rejections/").content.decode()


def test_several_without_what_is_needed_keep_what_was_typed(work, cast, later, client_of):
    handoffs = [rejected(work, cast) for _ in range(2)]
    later()
    answer = client_of(cast.marketer).post(
        "/rejections/review/", {"ids": [one.pk for one in handoffs], "verdict": "dispute", "return_on": "2026-09-01"}
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Say what you doubt" in html
    assert html.count('name="ids"') == 2
    assert 'value="2026-09-01"' in html


@pytest.mark.parametrize("ids", [[], ["x"], ["999999"], ["9" * 40], ["-1"]])
def test_a_verdict_on_nothing_is_told(work, cast, client_of, ids):
    rejected(work, cast)
    answer = client_of(cast.marketer).post("/rejections/review/", {"ids": ids, "verdict": "agree"})
    assert answer.status_code == 422
    assert not RejectionReview.objects.exists()


def test_while_the_rep_can_take_it_back_a_verdict_waits(work, cast, hx):
    handoff = rejected(work, cast)
    answer = hx(cast.marketer).post("/rejections/review/", {"ids": handoff.pk, "verdict": "agree"})
    assert answer.status_code == 409
    assert "can still take this rejection back" in answer.content.decode()


# The file


def test_the_file_is_the_list_and_nothing_in_it_is_a_formula(work, cast, later, client_of):
    lead = work.make.lead(company=work.make.company("=cmd|' /C calc'!A0"), first_name="@SUM(A1)", last_name="+1")
    first = rejected(work, cast, note="-2+3", lead=lead)
    rejected(work, cast, reason="no_need", note="none")
    later()
    review_rejection(first, actor=cast.marketer, verdict="agree", note="=1+1")
    answer = client_of(cast.marketer).get("/rejections/export/?reason=too_small")
    assert answer["Content-Disposition"].startswith('attachment; filename="rejections-2026-06-08')
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1
    assert rows[0]["Company"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["Person"].startswith("'@")
    assert rows[0]["Note"] == "'-2+3"
    assert (rows[0]["Verdict"], rows[0]["Verdict note"], rows[0]["Reason"], rows[0]["Score"]) == (
        "Agreed",
        "'=1+1",
        "Too small",
        "72",
    )


# Who, and how much it asks


WHO = {
    "rep": 403, "manager": 403, "head_of_sales": 403, "admin": 403, "outsider": 302,
    "marketer": 200, "marketing_ops": 200, "head_of_marketing": 200,
}  # fmt: skip


def test_who_reviews(work, cast, client_of):
    handoff = rejected(work, cast)
    for who, status in WHO.items():
        browser = client_of(getattr(cast, who))
        for path in ("/rejections/", "/rejections/export/", f"/rejections/{handoff.pk}/lines/"):
            assert browser.get(path).status_code == status, (who, path)
        if status != 200:
            answer = browser.post("/rejections/review/", {"ids": handoff.pk, "verdict": "agree"})
            assert answer.status_code == status, who


def test_the_review_asks_the_same_of_the_database_for_few_and_for_more_than_a_page_holds(work, cast, client_of, monkeypatch):
    monkeypatch.setattr("handoff.views.rejections.PAGE_SIZE", 10)
    Rep.objects.update(open_cap=1000)
    counts = []
    browser = client_of(cast.marketer)
    for more in (3, 9):
        for _ in range(more):
            rejected(work, cast)
        browser.get("/rejections/")
        with CaptureQueriesContext(connection) as captured:
            page = browser.get("/rejections/")
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 24
    assert len(rows_in(page)) == 10


def test_filters_and_bars_speak_of_the_same_rows(work, cast):
    for reason in ("too_small", "too_small", "no_need"):
        rejected(work, cast, reason=reason)
    narrowed = RejectionFilter({"reason": "too_small"}, queryset=rejections(cast.marketer), now=MONDAY + HOUR, sources=[])
    bars = reason_bars(narrowed.without("reason", "period"), now=MONDAY + HOUR, days=narrowed.days, chosen="too_small", query="")
    assert narrowed.qs.count() == next(bar.value for bar in bars if bar.is_on) == 2


def test_what_marketing_owes_runs_on_a_clock_that_is_seen(work, cast, later, client_of):
    """A verdict within 40 working hours, then the end of the dispute; on the list and on the packet, by the one face there is."""
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    later()
    browser = client_of(cast.marketer)
    for page in ("/rejections/", f"/handoffs/{handoff.pk}/"):
        html = browser.get(page).content.decode()
        assert "p-pill-track" in html, page
        assert "39h 00m" in html, page
    work.hands.move_to(MONDAY + timedelta(days=7, hours=3))
    assert "+3h 00m" in browser.get("/rejections/").content.decode()
    review_rejection(handoff, actor=cast.marketer, verdict="dispute", note="They have 300 people")
    html = browser.get("/rejections/").content.decode()
    assert ("p-pill-overdue" in html, "40h 00m" in html) == (False, True)
    settle_dispute(handoff, actor=cast.marketer, stands=True, note="They have not")
    assert "data-countdown" not in browser.get("/rejections/").content.decode()
