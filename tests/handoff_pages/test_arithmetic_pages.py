"""How a deadline came to be, on the page of a clock and for whatever somebody asks."""

import re

from handoff.actions.answering import accept_handoff
from handoff.models import SlaTimer, WorkCalendar
from handoff.moves import hold
from handoff.states import ClockKind
from tests.handoff.conftest import HOUR
from tests.handoff_pages.test_holidays import texts

ASK = "/calendars/arithmetic/"


def test_anybody_may_ask_when_something_is_due(defaults, cast, client_of, hands):
    calendar = WorkCalendar.objects.get()
    calendar.days.create(date="2026-06-15", intervals=[], reason="Founders' day")
    client = client_of(cast.rep)
    empty = client.get(ASK)
    assert 'value="2026-06-08"' in empty.content.decode()
    asked = {"day": "2026-06-12", "time": "09:40", "length": "10 h", "calendar": calendar.pk}
    words = texts(client.get(ASK, asked))
    assert "09:40–17:00, 7 h 20 min left on Friday 7 h 20 min 2 h 40 min" in words
    assert "Sat 13 Jun – Sun 14 Jun closed" in words
    assert "Mon 15 Jun Founders' day" in words
    assert "Due Tuesday, 16 June 2026, 11:40 CEST" in words
    elapsed = texts(client.get(ASK, asked | {"calendar": "elapsed", "length": "48 h"}))
    assert "Due Sunday, 14 June 2026, 09:40" in elapsed
    cast.rep.time_zone = "America/New_York"
    cast.rep.save()
    assert "which is Tue 16 Jun, 05:40 EDT where you are" in texts(client.get(ASK, asked))
    long = texts(client.get(ASK, asked | {"length": "9000 h"}))
    assert re.search(r"\d,?\d+ more lines of the same kind", long)


def test_what_cannot_be_worked_out_is_told_by_name(defaults, cast, client_of, hands):
    client, pk = client_of(cast.rep), WorkCalendar.objects.get().pk
    for wrong, words in (
        ({"length": "soon"}, "Write it as in 4 h"), ({"day": "x"}, "Enter a valid date"), ({"calendar": "99999"}, "Select a valid choice"),
        ({"calendar": "9" * 40}, "Select a valid choice"), ({"day": "9999-12-30"}, "between 1970 and 2200"),
    ):  # fmt: skip
        page = client.get(ASK, {"day": "2026-06-12", "time": "09:40", "length": "4 h", "calendar": pk} | wrong)
        assert words in texts(page), wrong
        assert page.status_code == 422
    WorkCalendar.objects.update(weekly={"0": [[540, 541]]})
    page = client.get(ASK, {"day": "2026-06-12", "time": "09:40", "length": "100 h", "calendar": pk})
    assert (page.status_code, "less open time than that" in texts(page)) == (422, True)


def test_every_clock_of_a_packet_leads_to_its_arithmetic(work, cast, client_of):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    client = client_of(cast.rep)
    packet = client.get(f"/handoffs/{handoff.pk}/").content.decode()
    timers = {timer.kind: timer for timer in SlaTimer.objects.filter(handoff=handoff)}
    assert len(timers) >= 3
    for timer in timers.values():
        url = f"/handoffs/{handoff.pk}/clocks/{timer.pk}/"
        assert f'href="{url}"' in packet
        assert f"Due {timer.due_at.astimezone(cast.rep.zone):%A}, " in texts(client.get(url))
    contact = timers[ClockKind.FIRST_CONTACT]
    url = f"/handoffs/{handoff.pk}/clocks/{contact.pk}/"
    assert "Promised within 8 h of the hours of Office hours , version 1, by Rita Rep" in texts(client.get(url))
    link = re.search(r'href="(/calendars/arithmetic/[^"]*)"', client.get(url).content.decode())[1].replace("&amp;", "&")
    assert "8 h from Mon 8 Jun 2026, 10:00" in texts(client.get(link))
    assert client.get(f"/handoffs/{handoff.pk}/clocks/{contact.pk + 1000}/").status_code == 404
    assert client_of(cast.other_rep).get(url).status_code == 404


def test_a_clock_that_was_on_hold_shows_what_is_left(work, cast, client_of):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    contact = work.timer(handoff, ClockKind.FIRST_CONTACT)
    url, client = f"/handoffs/{handoff.pk}/clocks/{contact.pk}/", client_of(cast.rep)

    def act(verb, **more):
        held = hold(handoff, actor=cast.rep)
        getattr(held.clocks, verb)(next(timer for timer in held.timers if timer.pk == contact.pk), **more)
        held.clocks.flush()

    work.hands.advance(HOUR)
    act("pause", reason="Call me on the 12th")
    assert "On hold: Call me on the 12th. 1 h used, 7 h left" in texts(client.get(url))
    work.hands.advance(24 * HOUR)
    act("resume")
    words = texts(client.get(url))
    assert "8 h from Mon 8 Jun 2026, 10:00" in words
    assert "on hold until Tue 9 Jun, 11:00 8 h do not count" in words
    assert "Due Wednesday, 10 June 2026, 10:00" in words
    act("meet")
    assert "Due Wednesday, 10 June 2026, 10:00" in texts(client.get(url))
