"""Setup of the hand-off: calendars and policies as people edit them, versions kept, reps and leave, hand-offs to look at."""

import re
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from handoff.actions.revising import revise_calendar, revise_policy, version_to_write
from handoff.hours import hours_words, parse_hours, week_words
from handoff.models import Leave, Rep, SlaPolicy, SlaTarget, WorkCalendar
from handoff.routing import desk
from handoff.states import ClockKind
from leads.errors import Conflict
from tests.handoff.conftest import HOUR, MONDAY

MODELS = ("workcalendar", "calendarday", "slapolicy", "slatarget", "rep", "leave", "handoff", "rejectionreview")


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("9-17", [[540, 1020]]),
        ("09:00–12:30, 13:00-17:30", [[540, 750], [780, 1050]]),
        ("13:00 to 17:00 and 8.30-12", [[510, 720], [780, 1020]]),
        ("22-6", [[1320, 1800]]),
        ("0-24", [[0, 1440]]),
        ("", []),
        ("Closed", []),
    ],
)
def test_hours_are_read_as_people_write_them(text, intervals):
    assert parse_hours(text) == intervals


@pytest.mark.parametrize(
    "text", ["nine to five", "9", "25-26", "9-17, 16-18", "9:75-12", "24-26", "9-12,13-14,15-16,16-17,17-18,18-19,19-20"]
)
def test_hours_nobody_can_read_are_refused_with_words(text):
    with pytest.raises(ValueError, match=r"[A-Z“\d].*\."):
        parse_hours(text)


@given(st.lists(st.integers(0, 1440), min_size=2, max_size=8, unique=True))
def test_hours_read_back_what_they_wrote(points):
    ends = sorted(points)[: len(points) // 2 * 2]
    intervals = [list(pair) for pair in zip(ends[::2], ends[1::2], strict=True)]
    assert parse_hours(hours_words(intervals)) == intervals


def test_a_week_is_told_in_one_line():
    assert week_words({str(day): [[540, 1020]] if day < 5 else [] for day in range(7)}) == "Mon–Fri 09:00–17:00"
    assert week_words({"0": [[540, 1020]], "2": [[600, 720], [780, 900]]}) == "Mon 09:00–17:00; Wed 10:00–12:00, 13:00–15:00"
    assert week_words({}) == "never open"


@pytest.mark.parametrize("model", MODELS)
def test_every_list_of_setup_opens_with_rows_in_it(work, cast, client_of, model):
    WorkCalendar.objects.get().days.create(date="2026-12-25", intervals=[], reason="Christmas")
    work.offered()
    Leave.objects.create(rep=Rep.objects.get(), starts_at=MONDAY + 30 * HOUR, ends_at=MONDAY + 60 * HOUR, reason="Holiday")
    page = client_of(cast.admin).get(f"/setup/handoff/{model}/")
    assert page.status_code == 200
    assert b'style="' not in page.content


@pytest.mark.parametrize(("who", "status"), [("rep", 403), ("marketer", 403), ("admin", 200), ("outsider", 302)])
def test_who_sets_up_policies(work, cast, client_of, who, status):
    assert client_of(getattr(cast, who)).get("/setup/handoff/slapolicy/").status_code == status


def fields_of(page):
    """Everything a browser would post from the form on this page."""
    html = page.content.decode()
    form = html[html.index('id="content-main"') if 'id="content-main"' in html else 0 :]
    data: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)
        if not name or "__prefix__" in name[1] or re.search(r'type="(submit|button)"', tag):
            continue
        if re.search(r'type="(checkbox|radio)"', tag) and "checked" not in tag:
            continue
        value = re.search(r'value="([^"]*)"', tag)
        without = "on" if re.search(r'type="(checkbox|radio)"', tag) else ""
        data.setdefault(name[1], []).append(unescape(value[1]) if value else without)
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        if "__prefix__" not in name:
            chosen = re.findall(r'<option value="([^"]*)"[^>]*selected', body)
            data[name] = chosen or re.findall(r'<option value="([^"]*)"', body)[:1]
    return data


def errors_of(page):
    return re.findall(r'class="errorlist[^"]*".*?</ul>|p-error.*?</', page.content.decode(), re.DOTALL)


def change(client, url, **changes):
    data = fields_of(client.get(url))
    data.update({key: [value] for key, value in changes.items()})
    return client.post(url, data)


def test_a_calendar_in_force_is_never_changed_in_place(defaults, cast, client_of):
    """Also without clocks: one that starts this very moment has read its hours already."""
    calendar = WorkCalendar.objects.get()
    answer = change(client_of(cast.admin), f"/setup/handoff/workcalendar/{calendar.pk}/change/", day_4="9-15")
    assert answer.status_code == 302, errors_of(answer)
    old, new = WorkCalendar.objects.order_by("version")
    assert (old.weekly["4"], new.weekly["4"]) == ([[540, 1020]], [[540, 900]])


def test_a_calendar_clocks_run_on_gets_a_next_version_and_they_keep_theirs(work, cast, client_of):
    calendar = WorkCalendar.objects.get()
    calendar.days.create(date="2026-12-25", intervals=[], reason="Christmas")
    handoff = work.offered()
    work.hands.advance(HOUR)
    url = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    changes = {
        "day_0": "8-12",
        "days-TOTAL_FORMS": "2",
        "days-1-date": "2026-12-26",
        "days-1-intervals": "",
        "days-1-reason": "Boxing Day",
    }
    answer = change(client_of(cast.admin), url, **changes)
    assert answer.status_code == 302, errors_of(answer)
    old, new = WorkCalendar.objects.order_by("version")
    assert (old.weekly["0"], new.weekly["0"], new.version) == ([[540, 1020]], [[480, 720]], 2)
    assert list(new.days.order_by("date").values_list("reason", flat=True)) == ["Christmas", "Boxing Day"]
    assert old.days.count() == 1
    assert work.timer(handoff, ClockKind.ACCEPT).calendar_id == old.pk
    assert work.timer(work.offered(), ClockKind.ACCEPT).calendar_id == new.pk


@pytest.mark.parametrize("waits", [True, False])
def test_two_dates_of_a_calendar_change_places(work, cast, client_of, waits):
    calendar = WorkCalendar.objects.get()
    for date, reason in (("2026-12-24", "Half a day"), ("2026-12-25", "Christmas")):
        calendar.days.create(date=date, intervals=[], reason=reason)
    if waits:
        WorkCalendar.objects.update(effective_from=MONDAY + 2 * HOUR)
    url = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    answer = change(client_of(cast.admin), url, **{"days-0-date": "2026-12-25", "days-1-date": "2026-12-24"})
    assert answer.status_code == 302, errors_of(answer)
    newest = WorkCalendar.objects.order_by("version").last()
    assert newest.version == (1 if waits else 2)
    kept = [(f"{date}", reason) for date, reason in newest.days.order_by("date").values_list("date", "reason")]
    assert kept == [("2026-12-24", "Christmas"), ("2026-12-25", "Half a day")]


def test_hours_that_clocks_run_on_are_kept_by_the_database(work):
    """Neither the week nor a date of a calendar in use changes by any way; its next version does."""
    calendar = WorkCalendar.objects.get()
    day = calendar.days.create(date="2026-12-25", intervals=[], reason="Christmas")
    work.offered()
    for write in (
        lambda: WorkCalendar.objects.update(weekly={}),
        lambda: calendar.days.create(date="2026-12-26", intervals=[]),
        lambda: calendar.days.update(intervals=[[540, 600]]),
        lambda: day.delete(),
    ):
        with pytest.raises(IntegrityError, match="make its next version"), transaction.atomic():
            write()
    revised = revise_calendar(calendar, at=MONDAY + HOUR)
    assert revised.days.update(intervals=[[540, 600]]) == 1


def test_new_hours_may_hold_from_a_later_day(work, cast, client_of):
    """Until then the old ones go on, also where no clock runs on them yet; the ones that wait are changed in place."""
    calendar, client = WorkCalendar.objects.get(), client_of(cast.admin)
    url = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    past = change(client, url, day_0="8-12", from_when_0="2026-06-01", from_when_1="08:00")
    assert "in the past" in past.content.decode()
    assert WorkCalendar.objects.count() == 1
    answer = change(client, url, day_0="8-12", from_when_0="2026-07-01", from_when_1="00:00")
    assert answer.status_code == 302, errors_of(answer)
    old, new = WorkCalendar.objects.order_by("version")
    assert (old.weekly["0"], new.weekly["0"]) == ([[540, 1020]], [[480, 720]])
    assert f"{new.effective_from:%Y-%m-%d %H:%M}" == "2026-06-30 22:00"  # midnight in Berlin
    assert work.timer(work.offered(), ClockKind.ACCEPT).calendar_id == old.pk
    assert change(client, f"/setup/handoff/workcalendar/{new.pk}/change/", day_0="8-11").status_code == 302
    new.refresh_from_db()
    assert (new.weekly["0"], f"{new.effective_from:%Y-%m-%d}", WorkCalendar.objects.count()) == ([[480, 660]], "2026-06-30", 2)
    work.hands.advance(24 * 24 * HOUR)
    assert work.timer(work.offered(), ClockKind.ACCEPT).calendar_id == new.pk


def test_a_clock_that_starts_while_a_calendar_is_saved_keeps_the_hours_of_before(work, cast, client_of, monkeypatch):
    """And the save goes on as if nothing had been."""
    calendar, started = WorkCalendar.objects.get(), []

    def meanwhile(stored, **at):
        started.append(work.offered())
        return version_to_write(stored, **at)

    monkeypatch.setattr("handoff.admin.calendars.version_to_write", meanwhile)
    answer = change(client_of(cast.admin), f"/setup/handoff/workcalendar/{calendar.pk}/change/", day_4="9-15")
    assert answer.status_code == 302, errors_of(answer)
    assert work.timer(started[0], ClockKind.ACCEPT).calendar_id == calendar.pk
    assert WorkCalendar.objects.get(version=2).weekly["4"] == [[540, 900]]
    assert WorkCalendar.objects.get(version=1).weekly == calendar.weekly


def test_a_calendar_that_never_opens_is_refused(defaults, cast, client_of):
    calendar = WorkCalendar.objects.get()
    answer = change(
        client_of(cast.admin), f"/setup/handoff/workcalendar/{calendar.pk}/change/", **{f"day_{n}": "" for n in range(7)}
    )
    assert "too little open time" in answer.content.decode()
    calendar.refresh_from_db()
    assert calendar.weekly["0"] == [[540, 1020]]


def test_hours_are_shown_and_edited_as_hours(defaults, cast, client_of):
    policy = SlaPolicy.objects.get()
    page = client_of(cast.admin).get(f"/setup/handoff/slapolicy/{policy.pk}/change/").content.decode()
    assert "14400000000" not in page
    assert "At 85 %: remind, the rep, in the portal and by mail" in page


def test_a_policy_hand_offs_follow_gets_a_next_version_and_they_keep_theirs(work, cast, client_of):
    handoff = work.offered()
    policy = SlaPolicy.objects.get()
    work.hands.advance(HOUR)
    kinds = list(policy.targets.order_by("pk").values_list("kind", flat=True))
    place = kinds.index(ClockKind.ACCEPT)
    answer = change(
        client_of(cast.admin), f"/setup/handoff/slapolicy/{policy.pk}/change/", **{f"targets-{place}-duration_us": "2.5"}
    )
    assert answer.status_code == 302, errors_of(answer)
    new = SlaPolicy.objects.get(version=2)
    assert new.targets.get(kind=ClockKind.ACCEPT).duration_us == 9_000_000_000
    assert new.targets.get(kind=ClockKind.ACCEPT).steps.count() == policy.targets.get(kind=ClockKind.ACCEPT).steps.count()
    assert policy.targets.get(kind=ClockKind.ACCEPT).duration_us == 14_400_000_000
    assert work.fresh(handoff).policy_id == policy.pk
    assert work.timer(work.offered(), ClockKind.ACCEPT).target_us == 9_000_000_000


def test_a_step_changed_on_its_own_page_makes_a_next_version_too(work, cast, client_of):
    work.offered()
    target = SlaTarget.objects.get(kind=ClockKind.ACCEPT)
    url = f"/setup/handoff/slatarget/{target.pk}/change/"
    page = fields_of(client_of(cast.admin).get(url))
    place = next(key.split("-")[1] for key, value in page.items() if key.endswith("-percent") and value == ["85"])
    answer = change(client_of(cast.admin), url, **{f"steps-{place}-percent": "90"})
    assert answer.status_code == 302, errors_of(answer)
    revised = SlaPolicy.objects.get(version=2).targets.get(kind=ClockKind.ACCEPT)
    assert set(revised.steps.values_list("percent", flat=True)) == {50, 90, 100, None}
    assert set(target.steps.values_list("percent", flat=True)) == {50, 85, 100, None}
    assert answer["Location"].endswith(f"/setup/handoff/slatarget/{revised.pk}/change/")


def test_saving_without_a_change_makes_no_version(work, cast, client_of):
    work.offered()
    for model, row in (("slapolicy", SlaPolicy.objects.get()), ("workcalendar", WorkCalendar.objects.get())):
        answer = change(client_of(cast.admin), f"/setup/handoff/{model}/{row.pk}/change/")
        assert answer.status_code == 302, errors_of(answer)
    assert (SlaPolicy.objects.count(), WorkCalendar.objects.count()) == (1, 1)


PAGES = ("slapolicy", "slatarget", "workcalendar")


def two_pages(work, model, used):
    """The address of a version's page and two changes of it that do not touch each other."""
    if used:
        work.offered()
    place = list(SlaPolicy.objects.get().targets.order_by("pk").values_list("kind", flat=True)).index(ClockKind.ACCEPT)
    accept = SlaTarget.objects.get(kind=ClockKind.ACCEPT)
    row, first, second = {
        "slapolicy": (accept.policy, {f"targets-{place}-duration_us": "2.5"}, {"reassign_cap": "3"}),
        "slatarget": (accept, {"duration_us": "2.5"}, {"backdate_us": "1"}),
        "workcalendar": (WorkCalendar.objects.get(), {"day_0": "8-12"}, {"day_4": "9-15"}),
    }[model]
    return f"/setup/handoff/{model}/{row.pk}/change/", first, second


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("model", PAGES)
def test_a_page_opened_before_somebody_elses_change_is_refused_and_keeps_what_was_typed(work, cast, make, client_of, model, used):
    url, first, second = two_pages(work, model, used)
    other = make.user("anton@accord.test", "Anton Admin", "administrator")
    stale = fields_of(client_of(cast.admin).get(url))
    assert change(client_of(other), url, **first).status_code == 302
    (name, typed), *_ = second.items()
    late = client_of(cast.admin).post(url, stale | {name: [typed]})
    html = late.content.decode()
    assert late.status_code == 409
    assert "Anton Admin changed this on" in html
    is_new = used or model == "workcalendar"
    assert f"Version {2 if is_new else 1} is the newest" in html
    assert fields_of(late)[name] == [typed]
    assert SlaPolicy.objects.count() + WorkCalendar.objects.count() == (3 if is_new else 2)
    policy, calendar = SlaPolicy.objects.order_by("version").last(), WorkCalendar.objects.order_by("version").last()
    if model == "workcalendar":
        assert (calendar.weekly["0"], calendar.weekly["4"]) == ([[480, 720]], [[540, 1020]])
    else:
        assert policy.targets.get(kind=ClockKind.ACCEPT).duration_us == 9_000_000_000
    newest = re.search(r'<a href="([^"]*)">Open the newest version</a>', html)[1]
    again = change(client_of(cast.admin), newest, **second)
    assert again.status_code == 302, errors_of(again)


@pytest.mark.parametrize("model", PAGES)
def test_an_older_version_is_read_only_and_leads_to_the_newest(work, cast, client_of, model):
    url, first, _ = two_pages(work, model, used=True)
    browser = client_of(cast.admin)
    assert 'name="_save"' in browser.get(url).content.decode()
    assert change(browser, url, **first).status_code == 302
    page = browser.get(url).content.decode()
    assert 'name="_save"' not in page
    assert "This is version 1" in page
    told = {"slapolicy": "4 h", "slatarget": "4 h", "workcalendar": "Mon–Fri 09:00–17:00"}[model]
    assert told in page
    newest = re.search(r'<a href="([^"]*)">Open the newest version</a>', page)[1]
    assert newest != url
    assert 'name="_save"' in browser.get(newest).content.decode()


def test_no_version_is_made_from_one_that_is_not_the_newest(work):
    policy, calendar = SlaPolicy.objects.get(), WorkCalendar.objects.get()
    revise_policy(policy, at=MONDAY)
    revise_calendar(calendar, at=MONDAY)
    with pytest.raises(Conflict, match="Version 2 is the newest"):
        revise_policy(policy, at=MONDAY)
    with pytest.raises(Conflict, match="Version 2 is the newest"):
        revise_calendar(calendar, at=MONDAY)
    assert (SlaPolicy.objects.count(), WorkCalendar.objects.count()) == (2, 2)


def test_a_manager_sets_up_the_reps_of_the_team_only(work, cast, make, client_of):
    stranger = make.user("stranger@accord.test", "Stella Stranger", "rep")
    Rep.objects.create(user=stranger)
    browser = client_of(cast.manager)
    page = browser.get("/setup/handoff/rep/").content.decode()
    assert "Rita Rep" in page
    assert "Stella Stranger" not in page
    assert browser.get(f"/setup/handoff/rep/{stranger.pk}/change/").status_code == 302


def test_switching_a_rep_off_needs_the_reason_and_stops_offers(work, cast, client_of):
    url = f"/setup/handoff/rep/{cast.rep.pk}/change/"
    browser = client_of(cast.manager)
    data = fields_of(browser.get(url))
    data.pop("takes_leads")
    assert "Say why" in browser.post(url, data).content.decode()
    assert browser.post(url, {**data, "off_reason": ["At a fair"]}).status_code == 302
    assert desk(MONDAY).turns == []
    assert desk(MONDAY).everyone[0].why_not == "switched off: At a fair"


def test_reps_are_switched_on_again_after_a_question(work, cast, client_of):
    Rep.objects.update(takes_leads=False, off_reason="At a fair")
    browser, url = client_of(cast.manager), "/setup/handoff/rep/"
    asked = browser.post(url, {"action": "switch_on", "_selected_action": [cast.rep.pk]})
    assert "offered leads again" in asked.content.decode()
    assert not Rep.objects.get().takes_leads
    browser.post(url, {"action": "switch_on", "_selected_action": [cast.rep.pk], "confirmed": "yes"})
    assert (Rep.objects.get().takes_leads, Rep.objects.get().off_reason) == (True, "")


def test_a_hand_off_in_setup_is_to_look_at(work, cast, client_of, freeze):
    handoff = work.offered()
    browser = client_of(cast.admin)
    assert f"/handoffs/{handoff.pk}/" in browser.get("/setup/handoff/handoff/?q=ivy").content.decode()
    for later, deadline, is_there, is_marked in (
        (0, "ahead", True, False), (0, "overdue", False, False), (100, "overdue", True, True), (100, "ahead", False, False), (100, "", True, True),
    ):  # fmt: skip
        freeze(MONDAY + later * HOUR)
        listed = browser.get(f"/setup/handoff/handoff/{f'?deadline={deadline}' if deadline else ''}").content.decode()
        assert (f"/handoffs/{handoff.pk}/" in listed) is is_there
        assert ('<span class="p-badge p-danger">Overdue</span>' in listed) is is_marked
    page = browser.get(f"/setup/handoff/handoff/{handoff.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert browser.post(f"/setup/handoff/handoff/{handoff.pk}/change/", {"state": "closed"}).status_code == 403


def test_a_ladder_is_drawn_on_the_promise_s_own_time(defaults, cast, client_of):
    """Half of 4 h, 85 %, the breach at 4 h, the move at 8 h: the end of the line."""
    target = SlaTarget.objects.get(kind=ClockKind.ACCEPT)
    url = f"/setup/handoff/slatarget/{target.pk}/change/"
    page = client_of(cast.admin).get(url).content.decode()
    drawn = re.search(r'<svg class="p-ladder".*?</svg>', page, re.DOTALL)[0]
    assert re.findall(r'<circle cx="([\d.]+)%"', drawn) == ["26.50", "42.95", "50.00", "97.00"]
    assert re.findall(r'p-ladder-tick"[^>]*>([^<]+)<', drawn) == ["0", "4 h", "8 h"]
    assert [drawn.count(f"p-ladder-{tone}") for tone in ("remind", "breach", "act")] == [2, 1, 1]
    assert "after 3.4 h" in page
    answer = change(client_of(cast.admin), url, **{"steps-0-digest_s": "15"})
    assert answer.status_code == 302, errors_of(answer)
    assert sorted(target.steps.values_list("digest_s", flat=True)) == [0, 0, 0, 900]
    target.steps.all().delete()
    assert "nobody is told and nothing happens" in client_of(cast.admin).get(url).content.decode()
