"""What surrounds every request: ids and log lines, refusals as pages, the reader's time zone, and the answer of /healthz."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from config import health, logs
from config.middleware import DomainErrors, PersonsZone
from leads import clock, heartbeats
from leads.errors import AccordError, Conflict, Invalid, NotAllowed, NotFound
from leads.models import Heartbeat


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("No such lead."), 404),
        (NotAllowed("Not yours."), 403),
        (Conflict("Ben was faster."), 409),
        (Invalid("Too long."), 422),
    ],
)
def test_a_refusal_becomes_a_page_with_its_own_words(error, status):
    response = DomainErrors(lambda request: None).process_exception(RequestFactory().get("/x"), error)
    assert response.status_code == status
    assert error.message in response.content.decode()
    assert "HX-Request" in response.headers["Vary"]


def test_under_htmx_a_conflict_is_a_fragment_and_a_ban_is_plain_words():
    handler = DomainErrors(lambda request: None)
    request = RequestFactory().post("/x", headers={"HX-Request": "true"})
    conflict = handler.process_exception(request, Conflict("Ben was faster."))
    assert "<html" not in conflict.content.decode()
    assert "Ben was faster." in conflict.content.decode()
    ban = handler.process_exception(request, NotAllowed("Not yours."))
    assert ban.headers["Content-Type"].startswith("text/plain")
    assert ban.content.decode() == "Not yours."


def test_hostile_words_in_a_refusal_are_escaped():
    response = DomainErrors(lambda request: None).process_exception(RequestFactory().get("/x"), Invalid("<script>alert(1)"))
    assert "<script>alert" not in response.content.decode()


def test_other_errors_are_not_ours_to_answer():
    assert DomainErrors(lambda request: None).process_exception(RequestFactory().get("/x"), ValueError("a bug")) is None
    assert issubclass(Conflict, AccordError)


def test_every_answer_has_an_id_and_the_proxys_is_kept_when_it_is_sane(client, db):
    own = client.get("/healthz").headers["X-Request-ID"]
    assert len(own) == 16
    assert client.get("/healthz", headers={"X-Request-ID": "proxy-1234"}).headers["X-Request-ID"] == "proxy-1234"
    assert client.get("/healthz", headers={"X-Request-ID": 'a"b\tc{}()xx'}).headers["X-Request-ID"] != 'a"b\tc{}()xx'


def test_a_request_writes_one_line_with_its_outcome(client_of, cast, caplog):
    caplog.set_level(logging.INFO, "accord.web")
    client_of(cast.rep).get(reverse("admin:preferences"))
    (record,) = [record for record in caplog.records if record.name == "accord.web"]
    assert record.getMessage() == "GET /preferences/ 200"
    assert record.user == cast.rep.pk
    assert record.ms > 0


def test_a_log_line_is_one_json_object_with_the_request_id():
    token = logs.request_id.set("abc12345")
    try:
        record = logging.makeLogRecord(
            {"name": "accord.web", "levelname": "INFO", "msg": "two\nlines %s", "args": ("ä",), "ms": 3}
        )
        line = logs.JsonLines().format(record)
    finally:
        logs.request_id.reset(token)
    assert "\n" not in line
    assert json.loads(line) | {"at": ""} == {
        "at": "", "level": "info", "logger": "accord.web", "message": "two\nlines ä", "request_id": "abc12345", "ms": 3,
    }  # fmt: skip


def test_pages_are_read_in_the_zone_of_their_reader(rf, cast):
    seen = []
    request = rf.get("/x")
    request.user = cast.rep
    cast.rep.time_zone = "Asia/Tokyo"
    PersonsZone(lambda request: seen.append(timezone.get_current_timezone_name()) or HttpResponse())(request)
    assert seen == ["Asia/Tokyo"]


def test_a_login_that_expired_under_htmx_leads_to_a_whole_page(db):
    response = Client().get(
        reverse("admin:preferences"), headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/leads/?q=a&b=1"}
    )
    assert response.status_code == 204
    assert response.headers["HX-Redirect"] == f"{reverse('admin:login')}?next=/leads/%3Fq%3Da%26b%3D1"


def test_health_is_red_until_every_part_of_the_worker_was_seen(client, db):
    response = client.get("/healthz")
    assert response.status_code == 503
    assert "worker: sweeper has never been seen" in response.json()["down"]
    for name in heartbeats.PARTS:
        heartbeats.beat(name)
    response = client.get("/healthz")
    assert (response.status_code, response.json()["ok"], response.json()["down"]) == (200, True, [])


def test_health_names_who_fell_silent_and_spares_the_busy(client, db):
    for name in heartbeats.PARTS:
        heartbeats.beat(name)
    at = clock.now()
    Heartbeat.objects.filter(name="sweeper").update(at=at - timedelta(seconds=30))
    Heartbeat.objects.filter(name="jobs").update(at=at - timedelta(seconds=300), busy_until=at + timedelta(seconds=10))
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["down"] == ["worker: sweeper silent for 30 s"]


def test_one_living_host_is_enough(db):
    heartbeats.beat("sweeper")
    Heartbeat.objects.create(name="sweeper", host="elsewhere", at=clock.now() - timedelta(hours=1))
    assert next(life for life in heartbeats.lives() if life.name == "sweeper").alive


def test_health_says_so_when_the_database_is_away(client, monkeypatch):
    def away():
        raise OperationalError("gone")

    monkeypatch.setattr(health, "core", away)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert (response.json()["database"], response.json()["worker"]) == ("down", "unknown")


def test_a_pulse_beats_at_most_once_a_moment(db, django_assert_num_queries):
    pulse = heartbeats.Pulse("sweeper", every=60)
    pulse()
    with django_assert_num_queries(0):
        pulse()
    assert Heartbeat.objects.filter(name="sweeper").count() == 1


@pytest.mark.parametrize("host", ["10.0.0.5:8000", "somewhere.else", "bad host", ""])
def test_health_is_told_to_whoever_asks_by_whatever_name(host, client, db, settings):
    settings.ALLOWED_HOSTS = ["portal.lan"]
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz", headers={"host": host}).status_code in (200, 503)
    assert client.post("/healthz", headers={"host": host}).status_code == 405


@pytest.mark.parametrize("here", ["http://[bad", "//", "http://portal.lan/leads/?q=a b", ""])
def test_a_sign_in_that_ended_leads_back_only_to_an_address(here, client, db):
    answer = client.get("/leads/", headers={"HX-Request": "true", "HX-Current-URL": here})
    assert answer.status_code == 204
    assert answer["HX-Redirect"] in ("/login/", "/login/?next=/leads/%3Fq%3Da%20b")
