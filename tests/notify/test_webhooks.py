"""Webhooks against real servers on loopback: signed, limited in time and size, never to the inside, never followed elsewhere."""

import json
import logging
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from leads import clock
from leads.actions import webhooks as verbs
from leads.actions.machine import give_up, send_again
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Lane, Outbox, Webhook
from leads.notify import bell, guard
from leads.notify.endpoints import retry_after
from leads.notify.messages import Message, enqueue
from leads.notify.outbox import deliver
from leads.notify.posting import Unreachable, post
from leads.notify.registry import Kind, Rendered, events, kinds, register
from tests.notify.peers import certificate, drip, endless, peer

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def known_event():
    events["test.happened"] = "Something happened"
    register("test.event", Kind("Event", lambda rows: Rendered("s", rows[0].payload["title"], "Text & <more>", "/inbox/")))
    yield
    del events["test.happened"], kinds["test.event"]


@pytest.fixture
def other(settings):
    """The other side, reachable as an operator would allow it for an intranet."""
    with peer() as one:
        settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_PORTS = True, [one.port]
        settings.WEBHOOK_ALLOW_NETWORKS = ["127.0.0.0/8"]
        one.url = f"http://127.0.0.1:{one.port}/hooks/T0/secretpath1234"
        yield one


@pytest.fixture
def hook(other, cast):
    """A generic webhook with its secret, made by the administrator."""
    made, secret = verbs.create_webhook("CRM", other.url, form="generic", events=["test.happened"], actor=cast.admin)
    made.secret = secret
    return made


def happened(key="e:1", title="Ivy <b> & co", at=None, **more):
    payload = {"event": "test.happened", "title": title, "lead": "Ivy Okafor", "epoch": 3} | more
    enqueue([Message(key, "test.event", "webhook", payload)], at=at or clock.now())


def only():
    return Outbox.objects.get(channel="webhook")


def test_a_message_is_signed_as_the_standard_says_and_repeats_keep_its_id(hook, other, cast):
    happened()
    happened()  # the same happening
    assert deliver() == 1
    ((line, headers, body),) = other.requests
    assert line == "POST /hooks/T0/secretpath1234 HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{other.port}"
    assert Verifier(hook.secret).verify(body, headers)["type"] == "test.happened"
    content = json.loads(body)
    assert content["data"] == {
        "title": "Ivy <b> & co", "lead": "Ivy Okafor", "text": "Text & <more>", "url": "http://testserver/inbox/",
    }  # fmt: skip
    row = only()
    (attempt,) = row.log
    assert (row.state, attempt["status"], attempt["excerpt"], attempt["result"]) == ("sent", 200, "hello", "sent")
    assert 0 <= attempt["ms"] < 5000
    # A new secret: both are valid for a day, then the new one alone.
    newer = verbs.rotate_secret(hook, actor=cast.admin)
    with pytest.raises(Conflict, match="Two secrets"):
        verbs.rotate_secret(hook, actor=cast.admin)
    send_again(row, actor=cast.admin)
    assert deliver() == 1
    _, again, body_again = other.requests[-1]
    assert (again["webhook-id"], body_again) == (headers["webhook-id"], body)
    assert len(again["webhook-signature"].split()) == 2
    for secret in (hook.secret, newer):
        Verifier(secret).verify(body, again)
    verbs.end_old_secret(hook, actor=cast.admin)
    send_again(only(), actor=cast.admin)
    deliver()
    Verifier(newer).verify(body, other.requests[-1][1])
    with pytest.raises(WebhookVerificationError):
        Verifier(hook.secret).verify(body, other.requests[-1][1])


def test_an_old_secret_ends_by_itself_after_a_day(hook, other, cast):
    verbs.rotate_secret(hook, actor=cast.admin, at=clock.now() - 25 * HOUR)
    happened()
    deliver()
    assert len(other.requests[0][1]["webhook-signature"].split()) == 1


def test_slack_gets_text_in_which_no_name_calls_a_channel(other, cast):
    verbs.create_webhook("Slack", other.url, form="slack", events=["test.happened"], actor=cast.admin)
    happened(title="<!channel> & Ivy")
    deliver()
    _, headers, body = other.requests[0]
    assert "webhook-signature" not in headers
    assert json.loads(body) == {"text": "*&lt;!channel&gt; &amp; Ivy*\nText &amp; &lt;more&gt;\n<http://testserver/inbox/|Open>"}


def test_secrets_and_the_address_are_neither_stored_readable_nor_logged(hook, other, cast, caplog):
    caplog.set_level(logging.DEBUG)
    other.answers = ["500 Oh"]
    happened()
    deliver()
    stored = json.dumps(list(Webhook.objects.values()) + list(Outbox.objects.values()), default=str)
    for hidden in (hook.secret, hook.secret.removeprefix("whsec_"), "secretpath"):
        assert hidden not in stored
        assert hidden not in caplog.text
    assert Webhook.objects.get().shown_url == f"http://127.0.0.1:{other.port}/…1234"


def test_failures_go_up_the_ladder_and_the_breaker_rests_this_queue_alone(hook, other, cast, settings):
    other.answers = ["500 Oh"]
    start = at = clock.now()
    happened(at=start)
    waits = []
    for _ in range(5):
        assert deliver(at) == 1
        row = only()
        waits.append((row.next_attempt_at - at).total_seconds())
        at = row.next_attempt_at
    for waited, step in zip(waits, (5, 300, 1800, 7200, 18000), strict=True):
        assert 0.8 * step <= waited <= 1.2 * step
    lane = Lane.objects.get(pk=hook.lane)
    assert (lane.fails, lane.paused_until - lane.served_at) == (5, timedelta(minutes=1))
    assert [attempt["status"] for attempt in only().log] == [500] * 5
    # Three days without a success: switched off, and who made it knows why.
    at = start + 73 * HOUR
    assert deliver(at) == 1
    off = Webhook.objects.get()
    assert (off.active, "three days" in off.off_reason) == (False, True)
    assert [notice.title for notice in bell.latest(cast.admin)] == ["Webhook CRM is switched off"]
    assert deliver(only().next_attempt_at) == 0
    assert only().state == "dropped"
    verbs.switch_webhook(off, on=True, actor=cast.admin)
    with pytest.raises(Conflict):
        verbs.switch_webhook(off, on=True, actor=cast.admin)


def test_nine_tries_then_a_dead_letter_that_is_sent_again_or_given_up(hook, other, cast):
    other.answers = ["500 Oh"]
    happened()
    Outbox.objects.update(attempts=9)
    deliver()
    assert (only().state, only().last_error) == ("dead", "500")
    send_again(only(), actor=cast.admin)
    assert (only().state, only().attempts) == ("pending", 0)
    Outbox.objects.update(attempts=9)
    deliver()
    give_up(only(), actor=cast.admin)
    assert (only().state, len(only().log)) == ("dropped", 2)
    with pytest.raises(Conflict):
        give_up(only(), actor=cast.admin)
    with pytest.raises(NotAllowed):
        send_again(only(), actor=cast.rep)


def test_gone_switches_off_and_says_so(hook, other, cast):
    other.answers = ["410 Gone"]
    happened()
    happened("e:2")
    deliver()
    off = Webhook.objects.get()
    assert (off.active, off.off_reason) == (False, "It answered 410: it wants no more messages.")
    assert sorted(Outbox.objects.filter(channel="webhook").values_list("state", flat=True)) == ["dead", "dropped"]
    assert len(other.requests) == 1
    assert bell.latest(cast.admin)[0].url == f"/setup/leads/webhook/{off.pk}/change/"
    happened("e:3")
    assert Outbox.objects.filter(channel="webhook").count() == 2  # nobody wants it


@pytest.mark.parametrize(("status", "header", "seconds"), [("429", "120", 120), ("503", "7200", 3600), ("429", "soon", None)])
def test_an_endpoint_that_asks_for_time_gets_it(hook, other, status, header, seconds):
    other.answers = [f"{status} Busy\nRetry-After: {header}\r\n"]
    at = clock.now()
    happened(at=at)
    happened("e:2", at=at)
    deliver(at)
    lane = Lane.objects.get(pk=hook.lane)
    if seconds is None:
        assert (len(other.requests), lane.paused_until) == (2, None)
        return
    first = Outbox.objects.get(attempts=1)
    assert (lane.paused_until, first.next_attempt_at) == (at + seconds * SECOND, at + seconds * SECOND)
    assert len(other.requests) == 1
    assert deliver(at + (seconds - 1) * SECOND) == 0


def test_retry_after_may_be_a_date():
    now = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
    assert retry_after((now + 90 * SECOND).strftime("%a, %d %b %Y %H:%M:%S GMT"), now) == 90 * SECOND
    for unusable in ("", "-5", "0", "²", "Mon, 99 Foo", (now - HOUR).strftime("%a, %d %b %Y %H:%M:%S GMT")):
        assert retry_after(unusable, now) is None


def test_redirects_are_failures_and_never_followed(hook, other):
    with peer() as inner:
        other.answers = [f"{code} Moved\nLocation: http://127.0.0.1:{inner.port}/\r\n" for code in (301, 302, 307, 308)]
        at = clock.now()
        happened(at=at)
        for _ in range(4):
            deliver(at)
            at = only().next_attempt_at
        assert (inner.connections, len(other.requests)) == (0, 4)
    assert [attempt["status"] for attempt in only().log] == [301, 302, 307, 308]
    assert only().last_error == "308: leads elsewhere, which is not followed"


@pytest.mark.parametrize(
    "answer",
    [drip(b"", b"H"), drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"), drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")],
    ids=["status", "headers", "body"],
)
def test_dripping_answers_end_in_time(other, answer):
    other.answers = [answer]
    began = time.monotonic()
    with pytest.raises(Unreachable, match="in time") as late:
        post(other.url, b"{}", {}, limit_s=0.3)
    assert 0.25 < time.monotonic() - began < 1.5
    assert not late.value.at_all  # an attempt: the message may have arrived


def test_an_endless_answer_is_not_read_to_its_end(other):
    sent = []
    other.answers = [endless(sent)]
    tracemalloc.start()
    answer = post(other.url, b"{}", {}, limit_s=5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.status, len(answer.excerpt)) == (200, 500)
    assert peak < 2_000_000
    other.answers = [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000]
    with pytest.raises(Unreachable):
        post(other.url, b"{}", {}, limit_s=5)


@pytest.mark.parametrize("rubbish", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc OK\r\n\r\n"])
def test_an_answer_that_is_none_is_a_failed_attempt(hook, other, rubbish):
    other.answers = [rubbish]
    happened()
    deliver()
    assert (only().state, only().attempts) == ("pending", 1)
    assert only().last_error


def test_without_a_server_the_queue_rests_and_no_attempt_is_lost(hook, other):
    other.close()
    at = clock.now()
    happened(at=at)
    deliver(at)
    assert (only().state, only().attempts) == ("pending", 0)
    assert Lane.objects.get(pk=hook.lane).paused_until == at + timedelta(minutes=1)


def test_certificates_are_checked_by_name(settings, tmp_path, monkeypatch):
    path, context = certificate(tmp_path, "hooks.test")
    with peer(context) as one:
        settings.WEBHOOK_PORTS, settings.WEBHOOK_ALLOW_NETWORKS = [one.port], ["127.0.0.1/32"]

        def here(host, port):
            return ["127.0.0.1"]

        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED") as unknown:
            post(f"https://hooks.test:{one.port}/", b"{}", {}, resolver=here)
        assert unknown.value.at_all
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert post(f"https://hooks.test:{one.port}/", b"{}", {}, resolver=here).status == 200
        with pytest.raises(Unreachable, match="match|mismatch"):
            post(f"https://other.test:{one.port}/", b"{}", {}, resolver=here)
        assert len(one.requests) == 1


# Where a webhook may go

INNER = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8",
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fec0::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::1",
    "2001:db8::1", "100::1", "2002:a9fe:a9fe::1",
)  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_no_inner_address_is_reached_by_any_name(address):
    asked = []

    def resolver(host, port):
        asked.append(host)
        return ["93.184.215.14", address]  # one good one makes it no better

    with pytest.raises(guard.RefusedAddress, match="not a public address"):
        post("https://innocent.test/hook", b"{}", {}, resolver=resolver)
    assert asked == ["innocent.test"]


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
)
def test_public_addresses_are_let_through(address):
    assert guard.is_public(address)


def test_what_is_inside_can_be_allowed_by_the_operator(settings):
    settings.WEBHOOK_ALLOW_NETWORKS = ["10.1.0.0/16", "fd00:1::/64"]
    assert [guard.is_public(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "10.2.0.1", "127.0.0.1")] == [
        True
    ] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/", "must begin with https"),
        ("ftp://example.com/", "must begin with https"),
        ("javascript:alert(1)", "must begin with https"),
        ("//example.com/", "must begin with https"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("https://user@example.com/", "no user name"),
        ("https://example.com@10.0.0.1/", "no user name"),
        ("https://exam ple.com/", "no blanks"),
        ("https://example.com\\@10.0.0.1/", "no blanks"),
        ("https://example.com/\r\nHost: x", "no blanks"),
        ("https://example.com/\x00", "no blanks"),
        ("https://example.com:22/", "Port 22"),
        ("https://example.com:99999/", "not an address"),
        ("https://example.com:x/", "not an address"),
        ("https://[::1/", "not an address"),
        (f"https://{'a' * 70}.com/", "not the name of a host"),
        ("https://a..b/", "not the name of a host"),
        ("https://example.com/straße", "letters"),
        ("https://example.com/" + "x" * 2000, "characters"),
    ],
)
def test_strange_addresses_are_refused_in_words(url, words):
    with pytest.raises(guard.RefusedAddress, match=words):
        guard.parse(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_loopback_is_refused_however_it_is_written(host):
    with pytest.raises((guard.RefusedAddress, guard.NoSuchName)):
        guard.checked_addresses(guard.parse(f"https://{host}/"), within_s=5)


def test_a_name_that_changes_its_mind_is_asked_once_and_connected_as_checked(settings):
    """The second answer would be the inside: it is never asked for."""
    with peer() as one:
        settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_PORTS, settings.WEBHOOK_ALLOW_NETWORKS = True, [one.port], ["::1/128"]
        answers = [["::1"], ["127.0.0.1"]]

        def rebinding(host, port):
            return answers.pop(0)

        with pytest.raises(Unreachable):  # nothing listens at the address that was checked
            post(f"http://rebind.test:{one.port}/", b"{}", {}, resolver=rebinding)
        assert (len(answers), one.connections) == (1, 0)
        with pytest.raises(guard.RefusedAddress):  # at the next attempt it is asked anew, and refused
            post(f"http://rebind.test:{one.port}/", b"{}", {}, resolver=rebinding)
        assert one.connections == 0


def test_an_address_that_turned_inward_is_a_dead_letter_with_its_reason(hook, other, settings):
    settings.WEBHOOK_ALLOW_NETWORKS = []
    happened()
    deliver()
    assert (only().state, only().last_error) == ("dead", "127.0.0.1 leads to 127.0.0.1, which is not a public address.")
    assert other.connections == 0


def test_a_resolver_that_hangs_is_not_waited_for():
    began = time.monotonic()
    with pytest.raises(Unreachable, match="in time") as late:
        post("https://slow.test/", b"{}", {}, limit_s=0.2, resolver=lambda host, port: time.sleep(1) or ["93.184.215.14"])
    assert late.value.at_all
    assert time.monotonic() - began < 1.5


# Keeping them


def test_who_may_and_what_is_refused(hook, other, cast, settings):
    with pytest.raises(NotAllowed):
        verbs.create_webhook("X", other.url, form="generic", events=["test.happened"], actor=cast.manager)
    for events_, words in (([], "at least one"), (["nonsense"], "at least one")):
        with pytest.raises(Invalid, match=words):
            verbs.create_webhook("X", other.url, form="generic", events=events_, actor=cast.admin)
    with pytest.raises(Invalid, match="of this name"):
        verbs.create_webhook("CRM", other.url, form="generic", events=["test.happened"], actor=cast.admin)
    settings.WEBHOOK_ALLOW_NETWORKS = []
    with pytest.raises(Invalid, match="not a public address"):
        verbs.change_webhook(hook, actor=cast.admin, name="CRM", events=["test.happened"], url=other.url)
    assert Webhook.objects.get().shown_url.endswith("1234")


def test_another_secret_key_stops_the_queue_and_loses_nothing(hook, other, settings):
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another" * 9
    happened()
    at = clock.now()
    deliver(at)
    assert (only().state, only().attempts) == ("pending", 0)
    assert "SECRET_KEY" in only().last_error
    settings.SECRET_KEY_FALLBACKS = [old]
    assert deliver(at + timedelta(minutes=2)) == 1
    assert only().state == "sent"


def test_the_page_of_setup(other, cast, client_of):
    browser = client_of(cast.admin)
    page = browser.get("/setup/leads/webhook/").content.decode()
    assert "No webhooks yet." in page
    sent = {"name": "CRM", "form": "generic", "url": f"http://10.0.0.1:{other.port}/x", "events": ["test.happened"]}
    refused = browser.post("/setup/leads/webhook/add/", sent)
    assert "leads to 10.0.0.1, which is not a public address." in refused.content.decode()
    shown = browser.post("/setup/leads/webhook/add/", sent | {"url": other.url})
    hook = Webhook.objects.get()
    secret = shown.context["secret"]
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    change = f"/setup/leads/webhook/{hook.pk}/change/"
    drawn = browser.get(change).content.decode()
    assert secret not in drawn
    assert "secretpath" not in drawn
    assert browser.post(f"/webhooks/{hook.pk}/test/").status_code == 302
    browser.post(f"/webhooks/{hook.pk}/test/")  # one waits already
    assert deliver() == 1
    Verifier(secret).verify(other.requests[0][2], other.requests[0][1])
    drawn = browser.get(change).content.decode()
    assert "A test is on its way already." in drawn
    for words in ("Arrived", "<strong>200</strong>", "hello", "Send again"):
        assert words in drawn
    assert browser.post(f"/webhooks/{hook.pk}/again/", {"message": only().pk}).status_code == 302
    assert only().state == "pending"
    assert browser.post(f"/webhooks/{hook.pk}/again/", {"message": "x"}).status_code == 404
    newer = browser.post(f"/webhooks/{hook.pk}/secret/").context["secret"]
    assert newer != secret
    assert "The old one stays valid until" in browser.get(change).content.decode()
    browser.post(f"/webhooks/{hook.pk}/secret/end/")
    browser.post(f"/webhooks/{hook.pk}/switch/", {"on": "0"})
    hook.refresh_from_db()
    assert (hook.active, hook.off_reason, hook.old_secret_until) == (False, "Switched off by Ada Admin.", None)
    saved = browser.post(change, {"name": "CRM 2", "url": "", "events": ["test.happened"]})
    assert saved.status_code == 302, saved.context["errors"]
    assert (Webhook.objects.get().name, Webhook.objects.get().sealed_url) == ("CRM 2", hook.sealed_url)
    assert "Switched off by Ada Admin." in browser.get("/setup/leads/webhook/").content.decode()
