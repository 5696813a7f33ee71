"""The packet page: what it shows, what may be done from it by whom, and that it is noted when it was seen."""

import re
from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, log_attempt, reassign, reject_handoff, review_rejection, undo_answer
from handoff.models import Handoff, HandoffEvent, Packet, Rep
from handoff.routing import route_waiting
from handoff.sweep import sweep
from leads.models import Asset, Case
from scoring.models import LeadScore, ModelVersion
from tests.handoff.conftest import HOUR, MONDAY
from tests.handoff_pages.test_answers import state_of

MINUTE = timedelta(minutes=1)


def packet_of(client, handoff):
    return client.get(f"/handoffs/{handoff.pk}/").content.decode()


def accepted(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    return handoff


# What it shows


def test_the_packet_says_why_who_what_and_why_this_rep(work, cast, make, client_of):
    asset = Asset.objects.create(
        key="costs", name="Cutting freight costs", kind="ebook", pain_points="Rising prices", talk_track="Which lanes hurt most?"
    )
    company = make.company("Northwind Freight", industry="Logistics", employees=480, country="NL")
    lead = make.lead(company=company, first_name="Ivy", last_name="Okafor", job_title="IT Manager", phone_e164="+31201234567")
    make.activity(lead, "ebook", MONDAY - timedelta(days=3), asset=asset)
    make.activity(lead, "demo_request", MONDAY - timedelta(days=1))
    handoff = work.offered(lead=lead)
    html = packet_of(client_of(cast.rep), handoff)
    told = (
        "Why you got this: 72", "Requested a demo", "+50", "Company size", "Main model v1", "Logistics", "480", "Rising prices",
        "Which lanes hurt most?", "+31201234567", "mailto:", "turn among 1 rep", "Accept or reject", "Offered to Rita Rep",
        "Times in Europe/Berlin",
    )  # fmt: skip
    for words in told:
        assert words in html, words


def test_the_packet_stays_what_it_was_when_the_lead_changes(work, cast, client_of):
    handoff = work.offered()
    handoff.lead.company.__class__.objects.update(industry="Changed industry")
    html = packet_of(client_of(cast.rep), handoff)
    assert html.count("Changed industry") == 0
    assert "Logistics" in html


def test_what_the_lead_did_since_the_offer_stands_apart_from_the_frozen_packet(work, cast, make, client_of):
    handoff = work.offered()
    assert "Since the offer" not in packet_of(client_of(cast.rep), handoff)
    work.hands.advance(HOUR)
    for minute, kind in enumerate(("pricing_view", "webinar_attended", "demo_request")):
        make.activity(handoff.lead, kind, MONDAY + HOUR - minute * MINUTE)
    ModelVersion.objects.filter(pk=work.version.pk).update(
        status="active", spec_hash="x", decision={"tiers": ["D", "C", "B", "A"]}
    )
    LeadScore.objects.create(version_id=work.version.pk, lead_id=handoff.lead_id, fit=22, engagement=84, tier=3, flags=3)
    html = packet_of(client_of(cast.rep), handoff)
    strip = re.search(r'<section class="p-card p-packet-since".*?</section>', html, re.DOTALL)[0]
    for words in ("3 new activities", "score now <strong>106</strong>", ">A<", "Attended a webinar", "Requested a demo"):
        assert words in strip, words
    assert "Why you got this: 72" in html
    assert "Attended a webinar" not in html.replace(strip, "")
    reject_handoff(handoff, actor=cast.rep, reason="bad_timing")
    assert "Since the offer" not in packet_of(client_of(cast.rep), handoff)


def test_the_lead_page_is_offered_to_who_may_open_it_and_to_nobody_else(work, cast, client_of):
    handoff = work.offered()
    lead_page = f"/leads/{handoff.lead_id}/"
    people = (cast.rep, cast.manager, cast.marketer, cast.head_of_sales)
    for person in people:
        assert f'href="{lead_page}"' in packet_of(client_of(person), handoff), person
    reject_handoff(handoff, actor=cast.rep, reason="bad_timing")
    work.hands.advance(HOUR)
    review_rejection(handoff, actor=cast.marketer, verdict="recycle")
    for person in people:
        shown = client_of(person).get(f"/handoffs/{handoff.pk}/")
        opens = client_of(person).get(lead_page).status_code == 200
        assert shown.status_code == 200
        assert (f'href="{lead_page}"' in shown.content.decode()) == opens, person
    assert client_of(cast.manager).get(lead_page).status_code == 404


def test_a_long_timeline_is_folded(work, cast, make, client_of):
    lead = make.lead(company=make.company())
    for day in range(30):
        make.activity(lead, "page_view", MONDAY - timedelta(days=day + 1))
    html = packet_of(client_of(cast.rep), work.offered(lead=lead))
    assert "Show all 30" in html


def test_a_hand_off_without_a_packet_says_so(work, cast, client_of):
    handoff = work.offered()
    Packet.objects.filter(handoff=handoff).delete()
    assert "This hand-off has no packet." in packet_of(client_of(cast.rep), handoff)


def test_the_first_look_of_its_rep_is_noted_once_and_nobody_elses(work, cast, client_of):
    handoff = work.offered()
    packet_of(client_of(cast.manager), handoff)
    assert Handoff.objects.get().seen_at is None
    work.hands.advance(14 * MINUTE)
    assert "Opened the packet" in packet_of(client_of(cast.rep), handoff)
    work.hands.advance(HOUR)
    packet_of(client_of(cast.rep), handoff)
    assert Handoff.objects.get().seen_at == MONDAY + 14 * MINUTE
    assert HandoffEvent.objects.filter(verb="see").count() == 1


def test_next_and_previous_follow_the_order_of_the_inbox(work, cast, client_of):
    first = work.offered()
    work.hands.advance(HOUR)
    second, third = work.offered(), work.offered()
    html = packet_of(client_of(cast.rep), second)
    assert "2 of 3" in html
    assert re.search(rf'data-key="k" rel="prev" href="/handoffs/{first.pk}/"', html)
    assert re.search(rf'data-key="j" rel="next" href="/handoffs/{third.pk}/"', html)
    assert "In your inbox" not in packet_of(client_of(cast.marketer), second)


def test_the_history_tells_moves_clocks_and_attempts_in_the_readers_zone(work, cast, client_of):
    handoff = work.offered()
    work.hands.advance(5 * HOUR)
    sweep()
    accept_handoff(handoff, actor=cast.rep)
    log_attempt(handoff, actor=cast.rep, channel="call", result="no_answer", note="Voicemail")
    cast.rep.time_zone = "America/New_York"
    cast.rep.save()
    html = packet_of(client_of(cast.rep), handoff)
    for words in (
        "Handed over to sales",
        "Accept or reject: time is up",
        "Accepted",
        "Call, no answer",
        "Voicemail",
        "missed",
        "Times in America/New_York",
        "04:00",
    ):
        assert words in html, words
    assert html.index("Tried to reach the person") < html.index("Offered to Rita Rep")
    again = packet_of(client_of(cast.rep), handoff)  # what the first look had seen is one line
    assert again.count("Read in the portal") == 1
    assert re.search(r"\b[2-9] messages\b", again)


def test_what_was_taken_back_at_once_is_not_among_the_promises(work, cast, client_of):
    handoff = work.offered()
    for answer in (
        lambda: accept_handoff(handoff, actor=cast.rep),
        lambda: reject_handoff(handoff, actor=cast.rep, reason="too_small"),
    ):
        answer()
        work.hands.advance(timedelta(seconds=9))
        undo_answer(handoff, actor=cast.rep)
        work.hands.advance(MINUTE)
    accept_handoff(handoff, actor=cast.rep)
    html = packet_of(client_of(cast.rep), handoff)
    assert "no longer needed" not in html
    promises = re.search(r'<ul class="p-list p-promises">.*?</ul>', html, re.DOTALL)[0]
    assert re.findall(r'p-strong">([^<]*)<', promises) == ["Offer to a rep", "Accept or reject", "First attempt"]
    assert "Took the answer back" in html


# What may be done from it


@pytest.mark.parametrize(
    ("who", "status"),
    [("rep", 200), ("other_rep", 404), ("manager", 200), ("marketer", 200), ("marketing_ops", 200), ("head_of_marketing", 200),
     ("head_of_sales", 200), ("admin", 200), ("outsider", 302)],
)  # fmt: skip
def test_who_opens_a_packet(work, cast, client_of, who, status):
    handoff = work.offered()
    assert client_of(getattr(cast, who)).get(f"/handoffs/{handoff.pk}/").status_code == status


def test_a_manager_of_another_team_does_not_see_it(work, make, client_of):
    stranger = make.user("max@accord.test", "Max Manager", "sales_manager")
    assert client_of(stranger).get(f"/handoffs/{work.offered().pk}/").status_code == 404


def test_buttons_are_there_for_who_may_press_them(work, cast, client_of):
    handoff = work.offered()
    rep, manager, marketer = (packet_of(client_of(who), handoff) for who in (cast.rep, cast.manager, cast.marketer))
    assert ("/accept/" in rep, "/accept/" in manager, "/accept/" in marketer) == (True, False, False)
    assert ("/reassign/" in rep, "/reassign/" in manager, "/reassign/" in marketer) == (False, True, False)
    accept_handoff(handoff, actor=cast.rep)
    rep, manager, marketer = (packet_of(client_of(who), handoff) for who in (cast.rep, cast.manager, cast.marketer))
    for path in ("/attempt/", "/convert/", "/win/", "/lose/", "/give-up/"):
        assert (path in rep, path in manager, path in marketer) == (True, True, False)


def test_an_attempt_is_two_clicks(work, cast, client_of, hx):
    handoff = accepted(work, cast)
    html = packet_of(client_of(cast.rep), handoff)
    assert 'value="call:no_answer"' in html
    client_of(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": "call:no_answer", "note": "Voicemail"})
    attempt = handoff.attempts.get()
    assert (attempt.channel, attempt.result, attempt.note, state_of(handoff)) == ("call", "no_answer", "Voicemail", "contacted")
    row = hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": "mail:left_message"})
    assert f'id="handoff-{handoff.pk}"' in row.content.decode()
    assert handoff.attempts.count() == 2


def test_the_same_attempt_posted_again_within_seconds_counts_once(work, cast, client_of, hx):
    handoff, what = accepted(work, cast), {"what": "call:no_answer", "note": "Voicemail"}
    for browser in (client_of(cast.rep), hx(cast.rep)):
        assert browser.post(f"/handoffs/{handoff.pk}/attempt/", what).status_code in (200, 302)
        work.hands.advance(timedelta(seconds=2))
    assert (handoff.attempts.count(), work.fresh(handoff).attempts_made) == (1, 1)
    hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {**what, "note": ""})
    work.hands.advance(timedelta(seconds=5))
    hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {**what, "note": ""})
    assert handoff.attempts.count() == 3


def test_who_was_not_reached_is_not_called_contacted(work, cast, client_of, hx):
    handoff, browser = accepted(work, cast), client_of(cast.rep)
    row = hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": "call:no_answer"}).content.decode()
    pages = [row, *(browser.get(at).content.decode() for at in ("/inbox/?tab=working", f"/handoffs/{handoff.pk}/"))]
    pages += [client_of(cast.marketer).get(at).content.decode() for at in (f"/leads/{handoff.lead_id}/", "/leads/")]
    for html in pages:
        assert "Tried, not reached" in html
        assert "Contacted" not in html
    assert 'data-state="tried"' in pages[0]
    row = hx(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": "call:reached"}).content.decode()
    assert "Contacted" in row
    assert 'data-state="done"' in row
    fresh = work.fresh(handoff)
    assert fresh.contacted_at <= fresh.reached_at


@pytest.mark.parametrize("what", ["", "call", "pigeon:reached", "call:nonsense", "::"])
def test_an_attempt_nobody_can_read_is_told(work, cast, client_of, what):
    handoff = accepted(work, cast)
    assert client_of(cast.rep).post(f"/handoffs/{handoff.pk}/attempt/", {"what": what}).status_code == 422
    assert handoff.attempts.count() == 0


def test_convert_win_and_the_case_that_comes_of_it(work, cast, client_of):
    handoff = accepted(work, cast)
    browser = client_of(cast.rep)
    assert (
        browser.post(
            f"/handoffs/{handoff.pk}/convert/", {"convert-amount": "12000", "convert-next_step_on": "2026-06-20"}
        ).status_code
        == 302
    )
    converted = Handoff.objects.get()
    assert (converted.state, converted.amount, str(converted.next_step_on)) == ("converted", 12000, "2026-06-20")
    browser.post(f"/handoffs/{handoff.pk}/win/", {"win-amount": "15000"})
    assert (state_of(handoff), Handoff.objects.get().closed_as, Case.objects.get().outcome) == ("closed", "won", "won")
    html = browser.get(f"/handoffs/{handoff.pk}/").content.decode()
    assert '<span class="p-badge">Won</span>' in html
    assert "<span data-word>Won</span>" in html
    assert re.search(r'<span class="p-badge p-good">Won</span><strong>[^<]*15,000', html)
    assert "Closed" not in html
    assert "Won, Rita Rep" in client_of(cast.marketer).get("/leads/").content.decode()


@pytest.mark.parametrize(
    ("verb", "data", "words"),
    [
        ("convert", {"convert-amount": "many"}, "Enter a number"),
        ("win", {"win-amount": "-5"}, "greater than or equal to 0"),
        ("lose", {"lose-note": "Kept words"}, "This field is required"),
        ("lose", {"lose-reason": "other", "lose-note": ""}, "needs a few words"),
        ("give-up", {"give_up-note": ""}, "Say why you give up now"),
        ("give-up", {"give_up-note": "Left", "give_up-return_on": "2020-01-01"}, "The day must lie ahead"),
    ],
)
def test_an_outcome_that_is_not_right_comes_back_in_place(work, cast, client_of, verb, data, words):
    handoff = accepted(work, cast)
    answer = client_of(cast.rep).post(f"/handoffs/{handoff.pk}/{verb}/", data)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert words in html
    assert data.get("lose-note", "") in html
    assert '<details class="p-details" name="outcome" open>' in html
    assert state_of(handoff) == "accepted"


def test_lost_and_given_up(work, cast, client_of):
    lost, tired = accepted(work, cast), accepted(work, cast)
    browser = client_of(cast.rep)
    browser.post(f"/handoffs/{lost.pk}/lose/", {"lose-reason": "price", "lose-note": "Too dear"})
    browser.post(f"/handoffs/{tired.pk}/give-up/", {"give_up-note": "Left the company", "give_up-return_on": ""})
    assert (state_of(lost), state_of(tired)) == ("closed", "recycled")
    assert Handoff.objects.get(pk=lost.pk).reason.code == "price"


def test_a_manager_gives_it_to_another_rep_of_the_team(work, cast, client_of, two_reps):
    handoff = work.offered()
    answer = client_of(cast.manager).post(
        f"/handoffs/{handoff.pk}/reassign/", {"reassign-to": cast.other_rep.pk, "reassign-reason": "Knows them"}, follow=True
    )
    assert Handoff.objects.get().owner == cast.other_rep
    assert "Mona Manager gave it over: Knows them." in answer.content.decode()


def test_a_manager_chooses_among_the_team_who_takes_leads(work, cast, make, client_of, two_reps):
    stranger, off = make.user("stella@accord.test", "Stella Stranger", "rep"), make.user("olga@accord.test", "Olga Off", "rep")
    Rep.objects.create(user=stranger)
    Rep.objects.create(user=off, takes_leads=False, off_reason="At a fair")
    cast.team.memberships.create(user=off)
    handoff = work.offered()
    html = packet_of(client_of(cast.manager), handoff)
    assert "Otto Other</option>" in html
    assert "Stella Stranger</option>" not in html
    assert "Olga Off</option>" not in html
    answer = client_of(cast.manager).post(
        f"/handoffs/{handoff.pk}/reassign/", {"reassign-to": stranger.pk, "reassign-reason": "x"}
    )
    assert answer.status_code == 422
    assert "Choose somebody you manage who takes leads now." in answer.content.decode()
    assert "Stella Stranger</option>" in packet_of(client_of(cast.head_of_sales), handoff)


def test_a_manager_without_a_rep_to_give_it_to_is_told(work, cast, client_of):
    Rep.objects.update(takes_leads=False, off_reason="At a fair")
    assert "Nobody you manage takes leads now." in packet_of(client_of(cast.manager), work.queued())


def test_a_queued_hand_off_is_withdrawn_on_its_packet(work, cast, client_of):
    Rep.objects.update(takes_leads=False, off_reason="At a fair")
    handoff, browser = work.queued(), client_of(cast.manager)
    url = f"/handoffs/{handoff.pk}/withdraw/"
    assert f'action="{url}"' in packet_of(browser, handoff)
    assert browser.post(url, {"withdraw-reason": ""}).status_code == 422
    done = browser.post(url, {"withdraw-reason": "Came by mistake"}, follow=True)
    assert done.status_code == 200
    assert "Withdrawn: the lead is a prospect again." in done.content.decode()
    assert (state_of(handoff), Handoff.objects.get().closed_as) == ("closed", "withdrawn")
    assert client_of(cast.rep).post(url, {"withdraw-reason": "x"}).status_code in (403, 404)


def test_it_is_not_given_to_who_takes_no_leads_or_without_a_reason(work, cast, client_of, make):
    handoff = work.offered()
    url, browser = f"/handoffs/{handoff.pk}/reassign/", client_of(cast.manager)
    assert browser.post(url, {"reassign-to": cast.other_rep.pk, "reassign-reason": "x"}).status_code == 422
    Rep.objects.create(user=cast.other_rep)
    assert browser.post(url, {"reassign-to": cast.other_rep.pk, "reassign-reason": ""}).status_code == 422
    assert Handoff.objects.get().owner == cast.rep


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("other_rep", 404),
        ("marketer", 403),
        ("marketing_ops", 403),
        ("head_of_marketing", 403),
        ("admin", 403),
        ("outsider", 302),
    ],
)
@pytest.mark.parametrize("verb", ["attempt", "convert", "win", "lose", "give-up"])
def test_others_do_not_work_it(work, cast, client_of, who, status, verb):
    handoff = accepted(work, cast)
    data = {"what": "call:reached", "give_up-note": "x", "lose-reason": "price"}
    assert client_of(getattr(cast, who)).post(f"/handoffs/{handoff.pk}/{verb}/", data).status_code == status
    assert state_of(handoff) == "accepted"


def test_a_dispute_is_settled_on_the_packet(work, cast, client_of):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small", note="Four people")
    work.hands.advance(HOUR)
    review_rejection(handoff, actor=cast.marketer, verdict="dispute", note="The group has 400")
    browser = client_of(cast.marketer)
    html = packet_of(browser, handoff)
    assert "Rejected: Too small" in html
    assert "The group has 400" in html
    assert browser.post(f"/handoffs/{handoff.pk}/settle/", {"settle-stands": "no", "settle-note": ""}).status_code == 422
    browser.post(f"/handoffs/{handoff.pk}/settle/", {"settle-stands": "no", "settle-note": "Sales agrees"})
    assert list(Handoff.objects.order_by("nth").values_list("state", flat=True)) == ["rejected", "queued"]


def test_a_rep_reads_a_packet_given_to_somebody_else_no_more(work, cast, client_of, two_reps):
    handoff = work.offered()
    reassign(handoff, actor=cast.manager, to=cast.other_rep, reason="Holiday")
    assert client_of(cast.rep).get(f"/handoffs/{handoff.pk}/").status_code == 404
    assert client_of(cast.other_rep).get(f"/handoffs/{handoff.pk}/").status_code == 200


def test_a_queued_hand_off_says_why_it_waits(work, cast, client_of):
    Rep.objects.update(takes_leads=False, off_reason="At a fair")
    handoff = work.queued()
    route_waiting()
    assert "1 switched off" in packet_of(client_of(cast.manager), handoff)


def test_the_packet_asks_a_fixed_number_of_the_database(work, cast, make, client_of, django_assert_max_num_queries):
    lead = make.lead(company=make.company())
    for day in range(40):
        make.activity(lead, "page_view", MONDAY - timedelta(days=day + 1))
    handoff = work.offered(lead=lead)
    accept_handoff(handoff, actor=cast.rep)
    for _ in range(8):
        log_attempt(handoff, actor=cast.rep, channel="call", result="no_answer")
    work.hands.advance(HOUR)
    for _ in range(12):
        make.activity(lead, "page_view", MONDAY + HOUR)
    browser = client_of(cast.rep)
    assert "12 new activities" in packet_of(browser, handoff)
    with django_assert_max_num_queries(37):
        packet_of(browser, handoff)
