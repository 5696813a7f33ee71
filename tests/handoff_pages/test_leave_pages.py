"""The page of somebody's time away, and where else leave is seen."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff.models import Leave, Rep
from tests.handoff.test_businesstime import berlin
from tests.handoff.test_leave import event, file_of
from tests.handoff_pages.test_holidays import texts

DAYS = {"first": "2026-06-09", "last": "2026-06-10", "until_midday": "on", "reason": "Wedding"}


def test_reps_enter_their_own_days_and_take_them_back(work, cast, two_reps, client_of):
    client, url = client_of(cast.rep), f"/leave/{cast.rep.pk}/"
    assert work.offered().owner == cast.rep
    assert client.get("/leave/").headers["Location"] == url
    assert 'href="/leave/"' in client.get("/inbox/").content.decode()
    assert "Nothing entered" in texts(client.get(url))
    page = client.post(url, DAYS | {"cover": cast.other_rep.pk}, follow=True)
    leave = Leave.objects.get()
    assert (leave.starts_at, leave.ends_at, leave.cover) == (berlin(6, 9), berlin(6, 10, 13), cast.other_rep)
    assert "9 Jun – 10 Jun 2026 (until 13:00)" in texts(page)
    assert "Wedding; Otto" in texts(page)
    twice = client.post(url, DAYS)
    assert (twice.status_code, "away then already" in texts(twice), 'value="2026-06-09"' in twice.content.decode()) == (
        422,
        True,
        True,
    )
    wrong = client.post(url, DAYS | {"first": "2026-07-11", "last": "2026-07-13", "from_midday": "on"})
    assert (wrong.status_code, "Saturday, 11 July 2026 is closed" in texts(wrong)) == (422, True)
    covering = client_of(cast.manager).get(f"/board/cover/{cast.rep.pk}/").content.decode()
    assert f'value="{cast.other_rep.pk}" checked' in covering
    work.hands.move_to(berlin(6, 9, 12))
    assert "now" in texts(client.get(url))
    back = client.post(f"/leave/{leave.pk}/take-back/", follow=True)
    assert "No longer away 9 Jun" in texts(back)
    assert Leave.objects.get().ends_at == berlin(6, 9, 12)
    assert "This leave is over" in texts(client.post(f"/leave/{leave.pk}/take-back/", follow=True))
    assert client_of(cast.other_rep).get(url).status_code == 404
    assert client_of(cast.other_rep).post(f"/leave/{leave.pk}/take-back/").status_code == 404
    assert "Only reps enter time away" in texts(client_of(cast.manager).get(f"/leave/{cast.manager.pk}/"))


def test_a_manager_enters_leave_of_the_team(work, cast, client_of):
    client = client_of(cast.manager)
    url = f"/leave/{cast.rep.pk}/"
    assert f'href="{url}"' in client.get(f"/setup/handoff/rep/{cast.rep.pk}/change/").content.decode()
    assert "Time away of Rita Rep" in texts(client.post(url, DAYS, follow=True))
    leave = Leave.objects.get()
    change = {
        "rep": cast.rep.pk,
        "starts_at_0": "2026-06-11",
        "starts_at_1": "00:00",
        "ends_at_0": "2026-06-12",
        "ends_at_1": "00:00",
    }
    assert client.post(f"/setup/handoff/leave/{leave.pk}/change/", change).status_code == 302
    assert client.post(f"/setup/handoff/leave/{leave.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Leave.objects.exists()


def test_a_calendar_file_is_taken_in_and_what_is_wrong_is_told_by_line(work, cast, client_of):
    client, url = client_of(cast.rep), f"/leave/{cast.rep.pk}/file/"

    def send(content, name="leave.ics"):
        return client.post(url, {"file": SimpleUploadedFile(name, content)}, follow=True)

    good = event("UID:a", "DTSTART;VALUE=DATE:20260615", "SUMMARY:<b>Off</b>"), event("UID:m", "DTSTART:20260616T080000Z")
    assert "1 new, 0 changed, 0 as before, 0 gone. 1 meetings" in texts(send(file_of(*good)))
    page = send(file_of(*good))
    assert "0 new, 0 changed, 1 as before" in texts(page)
    assert "<b>Off" not in page.content.decode()
    assert "from a file" in texts(page)
    partly = send(file_of(*good, event("UID:b", "DTSTART:soon")))
    assert "These events could not be read: Line 15: DTSTART cannot be read" in texts(partly)
    for content, words in (
        (b"", "Choose a calendar file"),
        (b"%PDF-1.7", "Line 1: an iCalendar file begins"),
        (b"x" * 2_000_001, "larger than 2 MB"),
    ):
        refused = send(content)
        assert (refused.status_code, words in texts(refused)) == (422, True), words
    assert client_of(cast.other_rep).post(url).status_code == 404
    assert Leave.objects.count() == 1


def test_the_page_takes_as_many_queries_whatever_it_lists(work, cast, client_of):
    client, rep, counts = client_of(cast.rep), Rep.objects.get(), []
    for month in (7, 8):
        for day in range(1, 6):
            Leave.objects.create(rep=rep, starts_at=berlin(month, day), ends_at=berlin(month, day + 1), cover=cast.other_rep)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/leave/{cast.rep.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
