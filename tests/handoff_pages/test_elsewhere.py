"""What the hand-off shows on other pages: navigation, bell, lead page and list, the API's lead, home; and notifications."""

import json
from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, log_attempt, reassign, reject_handoff
from handoff.actions.answering import undo_answer
from handoff.history import history
from handoff.models import Handoff, Rep
from handoff.panels import api_section, handoff_words, home_card, with_handoff
from handoff.routing import weekly_capacity
from leads import clock
from leads.models import Lead, Outbox
from leads.notify.outbox import deliver
from leads.slots import slots
from tests.handoff.conftest import HOUR
from tests.shell.test_setup import form_data


def test_the_navigation_counts_what_waits(work, cast, client_of):
    first = work.offered()
    work.offered()
    html = client_of(cast.rep).get("/inbox/").content.decode()
    assert 'data-badge="inbox">2<' in html
    reject_handoff(first, actor=cast.rep, reason="too_small")
    html = client_of(cast.marketer).get("/rejections/").content.decode()
    assert 'data-badge="rejections">1<' in html
    assert "/inbox/" not in html


def test_a_lead_shows_every_time_it_was_handed_over_and_links_what_one_may_open(work, cast, client_of, two_reps):
    handoff = work.offered()
    page = f"/leads/{handoff.lead_id}/"
    html = client_of(cast.rep).get(page).content.decode()
    for words in ("Hand-offs", "Offered", "Due today", f"/handoffs/{handoff.pk}/", "turn among"):
        assert words in html, words
    assert "Hand-offs</h2>" not in client_of(cast.marketer).get(f"/leads/{work.make.lead().pk}/").content.decode()


def test_the_lead_list_says_where_a_lead_is_handed_over(work, cast, client_of):
    handoff = work.offered()
    never = work.make.lead()
    words = {lead.pk: handoff_words(lead) for lead in with_handoff(Lead.objects.all())}
    assert words == {handoff.lead_id: "Offered, Rita Rep", never.pk: ""}
    assert "Offered, Rita Rep" in client_of(cast.marketer).get("/leads/").content.decode()


@pytest.mark.parametrize(
    ("value", "found"),
    [("open", "ab"), ("offered", "a"), ("accepted", "b"), ("rejected", "c"), ("never", "d"), ("nonsense", "abcd")],
)
def test_the_lead_list_is_filtered_by_hand_off(work, cast, client_of, value, found):
    named = {"a": work.offered(), "b": work.offered(), "c": work.offered()}
    accept_handoff(named["b"], actor=cast.rep)
    reject_handoff(named["c"], actor=cast.rep, reason="no_need")
    leads = {name: handoff.lead for name, handoff in named.items()} | {"d": work.make.lead()}
    html = client_of(cast.marketer).get("/leads/", {"handoff": value}).content.decode()
    assert "".join(name for name, lead in leads.items() if f"/leads/{lead.pk}/" in html) == found


def test_the_api_says_where_the_latest_hand_off_stands(work, cast):
    handoff = work.offered()
    never = work.make.lead()
    section = slots.api_sections["handoff"]([handoff.lead_id, never.pk])
    assert section == api_section([handoff.lead_id])
    assert set(section) == {handoff.lead_id}
    assert slots.api_shapes["handoff"].model_validate(section[handoff.lead_id]).id == handoff.pk
    assert (section[handoff.lead_id]["state"], section[handoff.lead_id]["rep"], section[handoff.lead_id]["nth"]) == (
        "offered",
        cast.rep.email,
        1,
    )


def test_a_manager_sees_on_home_where_hand_offs_stand_and_why_some_wait(work, cast, client_of):
    work.offered()
    accept_handoff(work.offered(), actor=cast.rep)
    work.hands.advance(5 * HOUR)
    Rep.objects.update(takes_leads=False, off_reason="At a fair")
    from handoff.routing import route_waiting

    work.queued()
    route_waiting()
    html = client_of(cast.manager).get("/").content.decode()
    for words in ("Hand-offs in work", "3 open", "Overdue, the longest first", "Rita Rep", "No rep can take it: 1 switched off"):
        assert words in html, words


def test_what_a_switched_off_rep_had_in_hand_is_with_nobody_active(work, cast, client_of):
    kept, offered = accept_handoff(work.offered(), actor=cast.rep), work.offered()
    html = client_of(cast.manager).get("/").content.decode()
    assert "With nobody active" not in html
    url = "/setup/leads/user/"
    asked = client_of(cast.admin).post(url, {"action": "switch_off", "_selected_action": [cast.rep.pk]}).content.decode()
    assert "2 hand-offs wait for their answer or first attempt; they go to somebody else at once." in asked
    client_of(cast.admin).post(url, {"action": "switch_off", "_selected_action": [cast.rep.pk], "confirmed": "yes"})
    for who in (cast.manager, cast.head_of_sales):
        html = client_of(who).get("/").content.decode()
        assert "With nobody active (2)" in html
        for handoff in (kept, offered):
            assert f'href="/handoffs/{handoff.pk}/"' in html
    Rep.objects.create(user=cast.other_rep)
    reassign(kept, actor=cast.manager, to=cast.other_rep)
    assert "With nobody active (1)" in client_of(cast.manager).get("/").content.decode()


def test_who_switches_a_person_off_on_their_page_hears_what_they_leave(work, cast, client_of):
    accept_handoff(work.offered(), actor=cast.rep)
    log_attempt(accept_handoff(work.offered(), actor=cast.rep), actor=cast.rep, channel="call", result="reached")
    browser, url = client_of(cast.admin), f"/setup/leads/user/{cast.rep.pk}/change/"
    data = form_data(browser, url)
    data.pop("is_active")
    told = browser.post(url, data, follow=True).content.decode()
    assert "1 hand-off waits for their answer or first attempt; it goes to somebody else at once." in told
    assert "1 hand-off that they worked on stays with them until it is reassigned" in told


def test_a_manager_gets_from_home_to_the_teams_hand_offs(work, cast, client_of):
    handoff = work.offered()
    browser = client_of(cast.manager)
    html = browser.get("/").content.decode()
    address = "/setup/handoff/handoff/"
    assert f'href="{address}">Team&#x27;s hand-offs</a>' in html
    assert f'href="{address}?state__exact=offered">1</a>' in html
    assert handoff.lead.name in browser.get(f"{address}?state__exact=offered").content.decode()
    assert handoff.lead.name not in browser.get(f"{address}?state__exact=accepted").content.decode()


def test_who_assigns_nothing_has_no_such_card(work, cast, rf):
    request = rf.get("/")
    request.user = cast.marketer
    assert home_card(request) is None


def test_the_reps_capacity_is_what_those_who_take_leads_can_take(work, cast, two_reps):
    Rep.objects.filter(user=cast.rep).update(weekly_capacity=9)
    assert weekly_capacity() == 24
    Rep.objects.filter(user=cast.rep).update(takes_leads=False)
    assert weekly_capacity() == 15
    Rep.objects.all().update(takes_leads=False)
    assert weekly_capacity() is None


# Notifications


def test_an_offer_rings_the_bell_until_it_was_seen(work, cast, client_of):
    handoff = work.offered()
    browser = client_of(cast.rep)
    page = browser.get("/notifications/")
    assert "1 not seen yet." in page.content.decode()
    notice = Outbox.objects.get(recipient=cast.rep, channel="inapp")
    answer = browser.post("/notifications/seen/", {"ids": notice.pk})
    assert answer["Location"] == f"/handoffs/{handoff.pk}/"
    notice.refresh_from_db()
    assert notice.seen_at is not None
    assert "You have seen everything." in browser.get("/notifications/").content.decode()


def test_all_at_once(work, cast, client_of):
    for _ in range(3):
        work.offered()
    browser = client_of(cast.rep)
    assert browser.post("/notifications/seen/")["Location"] == "/notifications/"
    assert not Outbox.objects.filter(recipient=cast.rep, channel="inapp", seen_at=None).exists()


def test_nobody_marks_what_somebody_else_was_told(work, cast, client_of):
    work.offered()
    notice = Outbox.objects.get(recipient=cast.rep, channel="inapp")
    for ids in ([notice.pk], ["x"], ["9" * 30]):
        client_of(cast.other_rep).post("/notifications/seen/", {"ids": ids})
    notice.refresh_from_db()
    assert notice.seen_at is None


def test_marketing_is_told_of_a_rejection_when_it_can_no_longer_be_taken_back(work, cast, client_of):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small", note="Four people")
    browser = client_of(cast.marketer)
    assert "Nobody has told you anything yet." in browser.get("/notifications/").content.decode()
    work.hands.advance(HOUR)
    deliver()
    html = browser.get("/notifications/").content.decode()
    assert "Rita Rep rejected" in html
    assert "“Four people”" in html


def test_notifications_are_everybodys_and_only_behind_the_door(cast, client_of):
    assert client_of(cast.outsider).get("/notifications/").status_code == 302
    assert client_of(cast.admin).get("/notifications/").status_code == 200
    assert Handoff.objects.count() == 0


def test_the_bell_of_an_open_page_learns_how_many_are_new(work, cast, client_of, django_assert_num_queries):
    work.offered()
    browser = client_of(cast.rep)
    assert 'hx-get="/notifications/" hx-trigger="every 30s"' in browser.get("/inbox/").content.decode()
    with django_assert_num_queries(4):  # session, person, roles, count
        told = browser.get("/notifications/", headers={"HX-Request": "true"})
    assert (told.status_code, json.loads(told["HX-Trigger"])) == (204, {"badge": {"key": "bell", "count": 1}})
    browser.post("/notifications/seen/")
    told = browser.get("/notifications/", headers={"HX-Request": "true"})
    assert json.loads(told["HX-Trigger"])["badge"]["count"] == 0


def test_a_message_is_delivered_seen_and_acted_on(work, cast, hands, client_of):
    """Each with its time, told in the packet's history; an answer taken back was no act."""
    handoff = work.offered()
    mail = Outbox.objects.get(handoff_id=handoff.pk, channel="mail")
    bells = Outbox.objects.filter(handoff_id=handoff.pk, channel="inapp", recipient=cast.rep)
    Outbox.objects.filter(pk=mail.pk).update(state="sent", sent_at=clock.now(), next_attempt_at=None)
    hands.advance(timedelta(minutes=10))
    browser = client_of(cast.rep)
    browser.get(f"/handoffs/{handoff.pk}/")
    seen = clock.now()
    mail.refresh_from_db()
    assert (mail.seen_at, mail.acted_at, bells.get().seen_at) == (seen, None, seen)
    hands.advance(timedelta(minutes=5))
    accept_handoff(handoff, actor=cast.rep)
    mail.refresh_from_db()
    assert (mail.seen_at, mail.acted_at, bells.get().acted_at) == (seen, clock.now(), clock.now())
    hands.advance(timedelta(seconds=5))
    undo_answer(work.fresh(handoff), actor=cast.rep)
    assert (bells.get().seen_at, bells.get().acted_at) == (seen, None)
    accept_handoff(work.fresh(handoff), actor=cast.rep)
    assert bells.get().acted_at == clock.now()
    told = {entry.words: entry.sub for entry in history(work.fresh(handoff))}
    assert told["Told by mail"] == "seen 8 Jun, 08:10, acted on 8 Jun, 08:15"
    assert told["Read in the portal"] == "acted on 8 Jun, 08:15"
    Outbox.objects.filter(pk=mail.pk).update(state="dead", last_error="550 no such person")
    told = {entry.words: entry.sub for entry in history(work.fresh(handoff))}
    assert told["A mail could not be delivered"] == "550 no such person"
