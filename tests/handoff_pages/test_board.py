"""The SLA board as managers use it: who needs help, how promises were kept, nudge, reassign and cover."""

import csv
import io
from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, cover, log_attempt, nudge
from handoff.board import Board
from handoff.clocks import is_overdue
from handoff.desk import Desk
from handoff.models import Handoff, HandoffEvent, Leave, Rep, SlaTimer
from handoff.panels import home_card
from handoff.states import ClockKind
from handoff.sweep import sweep
from leads.errors import Conflict, NotAllowed
from leads.models import Outbox, Team, TeamMember
from tests.handoff.conftest import HOUR, MONDAY

MINUTE = timedelta(minutes=1)


def line_of(board, user):
    return next(line for line in board.reps if line.user == user)


def test_the_board_agrees_with_inbox_home_and_set_up_on_what_is_overdue(work, cast, two_reps, client_of, rf):
    """Four offers in turn, two a rep; after five hours some are answered, one is on hold, one waits for a first attempt."""
    offers = []
    for _ in range(4):
        offers.append(work.offered())
        work.hands.advance(timedelta(seconds=1))  # whose turn it is hangs on when they were last offered one
    mine, theirs = ([one for one in offers if one.owner == rep] for rep in (cast.rep, cast.other_rep))
    work.hands.move_to(mine[0].offered_at + HOUR)
    accept_handoff(mine[0], actor=cast.rep)
    work.hands.move_to(MONDAY + 5 * HOUR)
    held = work.timer(theirs[0], ClockKind.ACCEPT)
    SlaTimer.objects.filter(pk=held.pk).update(
        state="paused", running_since=None, plan=[], next_fire_at=None, pause_reason="Fair", paused_until=MONDAY + 24 * HOUR
    )
    Rep.objects.update(takes_leads=False)
    waiting = work.queued()
    now = MONDAY + 5 * HOUR
    board = Board(cast.manager, now)
    rita, otto = line_of(board, cast.rep), line_of(board, cast.other_rep)
    assert (rita.to_answer, rita.to_contact, rita.overdue, rita.open) == (1, 1, 1, 2)
    assert (otto.to_answer, otto.overdue, otto.first.state) == (2, 1, "overdue")
    assert board.counts == {"to_answer": 3, "to_contact": 1, "queue": 1, "overdue": 2, "soon": 0}
    assert [row.pk for row in board.queue] == [waiting.pk]
    # The same number wherever it is told.
    assert Desk(cast.rep, now).counts[1] + Desk(cast.other_rep, now).counts[1] == 2
    assert Handoff.objects.open().filter(is_overdue(now)).count() == 2
    request = rf.get("/")
    request.user = cast.manager
    card = home_card(request)
    assert (card["overdue"], [face.state for _, face in card["late"]]) == (2, ["overdue", "overdue"])
    html = client_of(cast.admin).get("/setup/handoff/handoff/?deadline=overdue").content.decode()
    assert html.count('p-danger">Overdue') == 2
    # One kept, two broken; nothing the week before.
    assert (board.kept.decided, board.kept.in_time, board.kept.before) == (3, pytest.approx(1 / 3), None)
    assert (board.kept.median, rita.in_time, otto.in_time) == (3600, 0.5, 0.0)
    assert rita.spark[-1] == 0.5
    assert rita.spark[:-1] == [None] * 9


def test_the_page_says_who_needs_help_and_its_file_the_same(work, cast, client_of, hx):
    late = work.offered(lead=work.make.lead(company=work.make.company("Northwind Freight")))
    work.hands.advance(4 * HOUR + MINUTE)
    sweep()
    Leave.objects.create(rep=cast.rep.rep, starts_at=MONDAY, ends_at=MONDAY + 3 * 24 * HOUR)
    browser = client_of(cast.manager)
    html = browser.get("/board/").content.decode()
    for words in (
        "within 4 h of working time, Mon–Fri 09:00–17:00 (Europe/Berlin)", "Northwind Freight", ">11 Jun</time>", "Overdue",
        "time is up, manager told", f'href="/board/cover/{cast.rep.pk}/"', 'data-go="s"',
    ):  # fmt: skip
        assert words in html, words
    rows = list(csv.DictReader(io.StringIO(browser.get("/board/export/").content.decode("utf-8-sig"))))
    assert (rows[0]["Rep"], rows[0]["Overdue"], rows[0]["First due"]) == ("Rita Rep", "1", "2026-06-08 14:00:00")
    # The quiet refresh: nothing while it is true, then the figures and word that the lists have changed.
    manager = hx(cast.manager)
    mark = Board(cast.manager, MONDAY + 4 * HOUR + MINUTE).mark
    assert manager.get("/board/pulse/", {"mark": mark}).status_code == 204
    accept_handoff(late, actor=cast.rep)
    changed = manager.get("/board/pulse/", {"mark": mark, "period": "30"})
    assert "The lists have changed." in changed.content.decode()
    # Nonsense in the address is the default, and a team one does not manage shows nothing of it.
    other = Team.objects.create(name="Elsewhere")
    TeamMember.objects.create(team=other, user=cast.other_rep)
    for query in ({"team": "x", "period": "y"}, {"team": other.pk}):
        assert browser.get("/board/", query).status_code == 200
    assert Board(cast.manager, MONDAY, team=other.pk).team is None


def test_a_nudge_asks_by_name_in_hours_and_not_twice_in_half_an_hour(work, cast, hx, client_of):
    handoff = work.offered()
    work.hands.move_to(MONDAY + 11 * HOUR)  # 21:00 in Berlin
    manager = hx(cast.manager)
    row = manager.post(f"/handoffs/{handoff.pk}/nudge/")
    assert row.status_code == 200
    assert "Rita Rep was nudged." in row.content.decode()
    told = {one.channel: one for one in Outbox.objects.filter(kind="handoff.nudged", recipient=cast.rep)}
    assert told["inapp"].payload["actor"] == str(cast.manager)
    assert told["mail"].due_at == MONDAY + 23 * HOUR  # Tuesday 09:00
    again = manager.post(f"/handoffs/{handoff.pk}/nudge/")
    assert again.status_code == 409
    assert "nudged Rita Rep already. The next time is from 21:30" in again.content.decode()
    assert HandoffEvent.objects.filter(handoff=handoff, verb="nudge").count() == 1
    assert f"{cast.manager} asks about" in client_of(cast.rep).get("/notifications/").content.decode()
    work.hands.advance(30 * MINUTE)
    nudge(handoff, actor=cast.manager)
    with pytest.raises(NotAllowed):
        nudge(handoff, actor=cast.rep)
    log_attempt(accept_handoff(handoff, actor=cast.rep), actor=cast.rep, channel="call", result="reached")
    with pytest.raises(Conflict):
        nudge(handoff, actor=cast.head_of_sales)
    assert "Nudged" in client_of(cast.manager).get(f"/handoffs/{handoff.pk}/").content.decode()


def test_one_of_the_list_is_given_to_another_in_its_row(work, cast, two_reps, hx, client_of):
    handoff = work.offered()
    to = cast.other_rep if handoff.owner == cast.rep else cast.rep
    manager = hx(cast.manager)
    refused = manager.post(f"/board/{handoff.pk}/reassign/", {"reassign-to": to.pk})
    assert refused.status_code == 422
    assert "Why: This field is required." in refused.content.decode()
    moved = manager.post(f"/board/{handoff.pk}/reassign/", {"reassign-to": to.pk, "reassign-reason": "Ill"}).content.decode()
    assert f"Given to {to}." in moved
    assert work.fresh(handoff).owner == to
    late = manager.post(f"/board/{handoff.pk}/reassign/", {"reassign-to": to.pk, "reassign-reason": "Ill"})
    assert (late.status_code, "has it already" in late.content.decode()) == (422, True)
    plain = client_of(cast.manager).post(f"/handoffs/{handoff.pk}/nudge/", follow=True)
    assert f"{to} was nudged." in plain.content.decode()


def test_cover_gives_what_an_absent_rep_has_to_those_with_most_room_and_names_what_stays(work, cast, make, client_of):
    handoffs = [work.offered() for _ in range(5)]
    accept_handoff(handoffs[0], actor=cast.rep)
    log_attempt(accept_handoff(handoffs[1], actor=cast.rep), actor=cast.rep, channel="call", result="reached")
    handoffs[4].packet.complete = False
    handoffs[4].packet.missing = ["score"]
    handoffs[4].packet.save()
    Leave.objects.create(rep=cast.rep.rep, starts_at=MONDAY, ends_at=MONDAY + 24 * HOUR)
    third = make.user("", "", "rep")
    TeamMember.objects.create(team=cast.team, user=third)
    Rep.objects.create(user=cast.other_rep, open_cap=2)
    Rep.objects.create(user=third, open_cap=10)
    browser, page = client_of(cast.manager), f"/board/cover/{cast.rep.pk}/"
    html = browser.get(page).content.decode()
    assert "5, 4 with an answer or a first attempt due" in html
    assert "0 of 10 in hand" in html
    assert browser.post(page, {"what": "timed"}).status_code == 422
    assert browser.post(page, {"what": "timed", "to": [cast.rep.pk]}).status_code == 422
    told = browser.post(page, {"what": "timed", "to": [cast.other_rep.pk, third.pk]}).content.decode()
    assert "These did not go:" in told
    assert "The packet is incomplete: score." in told
    owners = [work.fresh(one).owner for one in handoffs]
    assert (owners[1], owners[4]) == (cast.rep, cast.rep)
    assert sorted(map(str, (owners[0], owners[2], owners[3]))) == sorted(map(str, (cast.other_rep, third, third)))
    moved = HandoffEvent.objects.filter(verb="reassign").values_list("detail__reason", "actor")
    assert set(moved) == {("Covers for Rita Rep", cast.manager.pk)}
    # All that is left can go, too, and then the board comes back and says so.
    done = browser.post(page, {"what": "all", "to": [third.pk], "reason": "Ill"}, follow=True).content.decode()
    assert "The packet is incomplete" in done
    assert work.fresh(handoffs[1]).owner == third
    with pytest.raises(NotAllowed):
        cover(third, actor=cast.rep, to=[cast.other_rep])
