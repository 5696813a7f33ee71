"""Whether the portal is up, told by one judgement in four places: `/healthz`, the health page, every page's banner, `/metrics`."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from config import metrics
from config.figures import rest
from config.health import Banner, banner, silence
from handoff.models import CalendarDay, SlaEvent, SlaTimer, WorkCalendar
from handoff.sweep import sweep
from handoff.tasks import backstop
from leads import clock, heartbeats
from leads.models import Heartbeat, Incident, Lane, Outbox
from tests.handoff.conftest import HOUR, MONDAY, defaults, hands, work

__all__ = ["defaults", "hands", "work"]
TOKEN = {"Authorization": "Bearer very-secret"}


def everybody_lives():
    for name in heartbeats.PARTS:
        heartbeats.beat(name)


def samples(text):
    """The exposition by its lines, each sample once."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = dict(line.rsplit(" ", 1) for line in lines)
    assert len(found) == len(lines)
    return {name: float(value) for name, value in found.items()}


@pytest.fixture
def scrape(client, settings):
    settings.METRICS_TOKEN = "very-secret"
    metrics._tally = metrics.Tally()

    def scrape():
        answer = client.get("/metrics", headers=TOKEN)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        return samples(answer.content.decode())

    yield scrape
    metrics._tally = metrics.Tally()


def test_metrics_are_told_to_who_shows_the_token_and_nobody_without_one(client, db, settings):
    assert client.get("/metrics", headers=TOKEN).status_code == 404
    settings.METRICS_TOKEN = "very-secret"
    for shown in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer very-secre"},
        {"Authorization": "Basic very-secret"},
    ):
        answer = client.get("/metrics", headers=shown)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["portal.lan"], True
    assert client.get("/metrics", headers=TOKEN | {"host": "10.0.0.5:8000"}).status_code == 200


def test_metrics_follow_what_happens_and_count_each_step_once(work, scrape):
    before = scrape()
    assert before["accord_up"] == 0
    assert before['accord_part_alive{part="sweeper"}'] == 0
    everybody_lives()
    handoff = work.offered()
    timer = work.timer(handoff, "accept")
    work.hands.move_to(timer.due_at + timedelta(seconds=3))
    due = scrape()
    assert due["accord_timers_due"] >= 1
    assert due["accord_timers_overdue_seconds"] >= 3
    assert due["accord_unanswered"] == 1
    sweep()
    after = scrape()
    breach = next(name for name in after if 'clock="accept"' in name and "breach" in name and 'outcome="fired"' in name)
    assert after[breach] == 1
    name = "accord_timer_lateness_seconds"
    fired = SlaEvent.objects.filter(outcome="fired").count()
    assert after[f"{name}_count"] == after[f'{name}_bucket{{le="+Inf"}}'] == fired
    assert after[f'{name}_bucket{{le="2.0"}}'] < after[f'{name}_bucket{{le="5.0"}}']
    # Half an hour later the old events are behind the mark; nothing is counted a second time, and what is new is.
    work.hands.advance(HOUR / 2)
    scrape()
    assert metrics._tally.upto == SlaEvent.objects.order_by("-pk").first().pk
    assert scrape()[breach] == 1
    assert scrape()[f"{name}_count"] == SlaEvent.objects.filter(outcome="fired").count()


def test_what_waits_rests_and_leaks_is_found(work, make, cast, scrape, client_of, settings, tmp_path):
    """And the same by page and by metrics."""
    settings.SCORING_SNAPSHOT_DIR = tmp_path
    (tmp_path / "CURRENT").touch()
    os.utime(tmp_path / "CURRENT", (time.time() - 7300,) * 2)
    everybody_lives()
    calendar = WorkCalendar.objects.first()
    WorkCalendar.objects.filter(pk=calendar.pk).update(country="DE")
    CalendarDay.objects.create(calendar=calendar, date=date(2026, 12, 26), source="holidays")
    ended, unclocked, left = work.offered(), work.offered(), work.offered()
    now = clock.now()
    page = client_of(cast.admin).get(reverse("admin:health")).content.decode()
    assert "None found" in page
    assert "Something is down" not in page
    type(ended).objects.filter(pk=ended.pk).update(state="closed", closed_at=now)
    work.timer(unclocked, "accept").delete()
    make.user("gone@accord.test", "Gone", "rep", is_active=False)
    SlaTimer.objects.filter(handoff=left).update(owner=cast.outsider, fails=2, last_error="boom")
    type(cast.outsider).objects.filter(pk=cast.outsider.pk).update(is_active=False)
    Lane.objects.update_or_create(name="mail", defaults={"paused_until": now + HOUR, "fails": 5})
    message = {"kind": "x", "lane": "mail", "due_at": now, "created_at": now}
    Outbox.objects.create(key="late", channel="mail", next_attempt_at=now - HOUR, **message)
    Outbox.objects.create(key="dead", channel="work", state="dead", **message)
    OrmQ.objects.create(key=settings.Q_CLUSTER["name"], payload="x", lock=now - HOUR)
    Incident.objects.create(kind="restart", name="jobs", at=now, number=6)
    Incident.objects.create(kind="prevented", name="sweeper", at=now - HOUR, number=2)
    found = scrape()
    assert found["accord_up"] == 0
    leaks = {kind: found[f'accord_leaks{{kind="{kind}"}}'] for kind in ("unarmed", "unclocked", "left_running", "ownerless")}
    assert leaks == {"unarmed": 0, "unclocked": 1, "left_running": 1, "ownerless": 1}
    assert found["accord_timers_parked"] == 1
    assert found['accord_messages_due{lane="mail"}'] >= 1
    assert found['accord_messages_overdue_seconds{lane="mail"}'] == 3600
    assert found['accord_lane_paused{lane="mail"}'] == 1
    assert found['accord_messages_dead{channel="work"}'] == 1
    assert found['accord_queue_tasks{state="ready"}'] == 1
    assert found['accord_part_restarts_24h{part="jobs"}'] == 6
    assert found["accord_timers_prevented_24h"] == 2
    assert found[f'accord_holidays_known_days{{calendar="{calendar.name}"}}'] == (date(2026, 12, 31) - MONDAY.date()).days
    assert 7200 < found["accord_snapshot_age_seconds"] < 7400
    down = client_of(None).get("/healthz").json()["down"]
    assert "worker: jobs started again 6 times in 10 minutes" in down
    assert any(line.startswith("work: 1 ") for line in down)
    page = client_of(cast.admin).get(reverse("admin:health")).content.decode()
    for words in (
        "Something is down", "Keeps ending", "tried again later", "resting after failures: mail", "1 work", "2 prevented",
        "1 running clocks of hand-offs that are over", "Known until 31 December 2026", "2h 01m old", "state__exact=dead",
    ):  # fmt: skip
        assert words in page, words


def test_the_health_page_asks_as_much_of_the_database_with_many_clocks_as_with_few(
    work, cast, client_of, django_assert_num_queries
):
    client, url = client_of(cast.admin), reverse("admin:health")
    client.get(url)
    for number in (1, 3):
        for _ in range(number):
            work.offered()
        with django_assert_num_queries(21):
            assert client.get(url).status_code == 200


def test_every_page_says_that_the_worker_is_silent_and_asks_at_most_every_five_seconds(
    cast, client_of, django_assert_num_queries
):
    at = clock.now().replace(hour=10, minute=2) - timedelta(days=1)
    admin, rep = client_of(cast.admin), client_of(cast.rep)
    url = reverse("admin:preferences")
    try:
        banner.hold(silence(heartbeats.lives()))
        page = rep.get(url).content.decode()
        assert "The worker was never started" in page
        assert "reminders, warnings and breaches are late" in page
        assert "Tell your administrator" in page
        everybody_lives()
        Heartbeat.objects.filter(name__in=("sweeper", "outbox")).update(at=at)
        banner.hold(silence(heartbeats.lives()))
        page = " ".join(admin.get(url).content.decode().split())
        assert "Timers and messages silent since" in page.replace("</strong>", "")
        assert at.isoformat() in page
        assert reverse("admin:health") in page
        everybody_lives()
        banner.hold(silence(heartbeats.lives()))
        assert "silent since" not in admin.get(url).content.decode()
    finally:
        banner.hold(None)
    asked = []
    own = Banner(lambda: asked.append(1))
    assert [own.now() for _ in range(5)] == [None] * 5
    assert asked == [1]
    with django_assert_num_queries(0):
        banner.now()


def test_a_step_that_would_have_fired_twice_is_kept(work):
    timer = work.timer(work.offered(), "accept")
    step, due = timer.plan[0][1], timer.next_fire_at
    event = {"timer_id": timer.pk, "handoff_id": timer.handoff_id, "epoch": timer.epoch, "step": step}
    SlaEvent.objects.create(**event, due_at=due, fired_at=due, outcome="fired")
    work.hands.move_to(due)
    backstop()
    assert [(one.kind, one.name, one.number) for one in Incident.objects.all()] == [("prevented", "sweeper", 1)]
    assert rest(clock.now()).prevented_today == 1
