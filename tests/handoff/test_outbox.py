"""Messages over a real mail server: delivered, deferred, refused, lost on the way, and never twice where it can be helped."""

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from aiosmtpd.controller import Controller
from django.db import connection, transaction

from leads.models import Lane, Outbox
from leads.notify import bell, channels, outbox
from leads.notify.composing import compose, message_id
from leads.notify.messages import Message, enqueue
from leads.notify.outbox import claim_lane, deliver
from leads.notify.registry import Kind, Rendered, kinds, register
from leads.notify.retries import lane_pause, next_try
from leads.notify.undelivered import Undelivered

NOON = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Server:
    """An SMTP server whose answers a test decides; what it took is in `mails`."""

    def __init__(self):
        self.mails, self.answers, self.drop_after_data = [], [], False

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content))
        if answer == "250 drop":
            server.transport.close()
            await asyncio.sleep(0)
        if answer == "250 hang":
            await asyncio.sleep(1)
        return answer


@pytest.fixture
def smtp(settings):
    handler = Server()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Accord <accord@example.com>"
    handler.controller = controller
    yield handler
    controller.stop()


@pytest.fixture(autouse=True)
def known_kind():
    """A kind of message that is valid unless its payload says otherwise."""
    done = []

    def render(rows):
        if rows[0].payload.get("unspeakable"):
            raise ValueError("no words for it")
        words = ", ".join(row.payload["words"] for row in rows)
        return Rendered(
            f"{len(rows)} news", words, f"It is so: {words}", "/inbox/", tuple((row.payload["words"], "/x/") for row in rows[1:])
        )

    def handle(row):
        if row.payload.get("fails"):
            raise RuntimeError("cannot be done")
        done.append(row.key)

    def still_valid(row):
        return not row.payload.get("stale") and "words" in row.payload and 1 / row.payload.get("divisor", 1) > 0

    register("test", Kind("Test", render, still_valid))
    register("test.work", Kind("Work", handle=handle))
    yield done
    del kinds["test"], kinds["test.work"]


@pytest.fixture
def person(make):
    return make.user("vera@example.org", "Vera Vale", "rep")


def mail(person, key="a:1:mail", at=NOON, **fields):
    fields = {"kind": "test", "channel": "mail", "payload": {"words": "hello"}, "recipient_id": person.pk} | fields
    enqueue([Message(key=key, **fields)], at=at)
    return Outbox.objects.get(key=key)


def state(row):
    row.refresh_from_db()
    return row.state


def test_a_mail_arrives_with_text_html_and_a_stable_id(smtp, person):
    row = mail(person)
    assert deliver(NOON) == 1
    (message,) = smtp.mails
    assert (message["To"], message["Message-ID"], message["Auto-Submitted"]) == (
        "vera@example.org",
        "<a.1.mail@example.com>",
        "auto-generated",
    )
    assert str(make_header(decode_header(message["Subject"]))) == "1 news"
    bodies = {
        part.get_content_type(): part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart()
    }
    assert "Hello Vera," in bodies["text/plain"]
    assert "http://testserver/inbox/" in bodies["text/plain"]
    assert 'href="http://testserver/inbox/"' in bodies["text/html"]
    assert "style=" not in bodies["text/html"]
    assert state(row) == "sent"
    assert (row.sent_at, row.attempts, row.lease, row.next_attempt_at) == (NOON, 1, None, None)
    assert Lane.objects.get(name="mail").last_ok_at == NOON


def test_messages_are_written_together_in_their_order_and_may_share_a_payload(person):
    late, shared = NOON + timedelta(hours=3), {"words": "it’s “50 %”", "more": [None, 1.5]}
    given = [
        Message("c", "test", "inapp", shared, recipient_id=person.pk, handoff_id=7, timer_id=8, epoch=9),
        Message("b", "test", "inapp", shared, recipient_id=person.pk, due_at=late),
        Message("a", "test", "mail", {"words": "other"}, recipient_id=person.pk, expires_at=late, urgent=True, digest_key="d"),
        Message("w", "test", "work", {}, due_at=NOON - timedelta(hours=1), lane="work:own"),
    ]
    assert enqueue(given, at=NOON) == 4
    assert enqueue([], at=NOON) == 0
    at_once, held, mailed, work = Outbox.objects.order_by("pk")
    assert [row.key for row in (at_once, held, mailed, work)] == ["c", "b", "a", "w"]
    assert (at_once.payload, held.payload, mailed.payload, work.payload) == (shared, shared, {"words": "other"}, {})
    assert (at_once.handoff_id, at_once.timer_id, at_once.epoch, at_once.recipient) == (7, 8, 9, person)
    assert (at_once.state, at_once.due_at, at_once.sent_at, at_once.next_attempt_at) == ("sent", NOON, NOON, None)
    assert (held.state, held.due_at, held.sent_at, held.next_attempt_at) == ("pending", late, None, late)
    assert (mailed.expires_at, mailed.urgent, mailed.digest_key, mailed.created_at) == (late, True, "d", NOON)
    assert (work.lane, work.due_at, work.next_attempt_at, work.recipient) == ("work:own", NOON, NOON, None)
    assert {
        (row.endpoint, row.batch, row.attempts, row.crashes, row.last_error, str(row.log)) for row in Outbox.objects.all()
    } == {("", "", 0, 0, "", "[]")}
    assert set(Lane.objects.values_list("name", flat=True)) == {"inapp", "mail", "work:own"}


def test_the_same_key_is_one_message(smtp, person):
    mail(person)
    mail(person)
    deliver(NOON)
    assert len(smtp.mails) == 1
    assert Outbox.objects.count() == 1


def test_what_is_rolled_back_is_not_sent(smtp, person):
    with transaction.atomic():
        mail(person)
        transaction.set_rollback(True)
    assert deliver(NOON) == 0
    assert smtp.mails == []


def test_names_with_tags_are_shown_and_not_obeyed(smtp, person):
    mail(person, payload={"words": "<script>alert(1)</script>"})
    deliver(NOON)
    html = [part.get_payload(decode=True).decode() for part in smtp.mails[0].walk() if part.get_content_type() == "text/html"][0]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_message_waits_for_its_time(smtp, person):
    mail(person, due_at=NOON + MINUTE)
    assert deliver(NOON) == 0
    assert deliver(NOON + MINUTE) == 1


def test_a_deferred_mail_is_tried_again_with_the_same_id(smtp, person):
    row = mail(person)
    smtp.answers = ["451 try later", "250 OK"]
    deliver(NOON)
    assert state(row) == "pending"
    assert (row.next_attempt_at, row.last_error) == (NOON + MINUTE, "451 try later")
    assert deliver(NOON + timedelta(seconds=59)) == 0
    deliver(NOON + MINUTE)
    assert (state(row), row.attempts, len(row.log)) == ("sent", 2, 2)
    assert smtp.mails[0]["Message-ID"] == "<a.1.mail@example.com>"


def test_a_refused_mail_is_dead_at_once_and_the_next_goes_out(smtp, person):
    bad, good = mail(person), mail(person, key="b")
    smtp.answers = ["550 no such person", "250 OK"]
    deliver(NOON)
    assert (state(bad), bad.last_error) == ("dead", "550 no such person")
    assert state(good) == "sent"
    assert Lane.objects.get(name="mail").fails == 0


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"words": "hello", "unspeakable": True}, "ValueError: no words for it"),
        ({"words": "hello", "divisor": 0}, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_message_that_cannot_be_made_stops_no_other_and_is_given_up_in_the_end(smtp, person, payload, words):
    bad, good = mail(person, payload=payload), mail(person, key="b")
    deliver(NOON)
    assert (state(bad), bad.last_error, bad.next_attempt_at) == ("pending", words, NOON + MINUTE)
    assert state(good) == "sent"
    later = NOON
    for _ in range(40):
        later += timedelta(hours=1)
        deliver(later)
        if state(bad) == "dead":
            break
    assert (state(bad), bad.next_attempt_at) == ("dead", None)
    lane = Lane.objects.get(name="mail")
    assert (lane.fails, lane.paused_until, lane.lease) == (0, None, None)


def test_a_server_that_hangs_up_after_the_text_gets_it_again_with_the_same_id(smtp, person):
    row = mail(person)
    smtp.answers = ["250 drop", "250 OK"]
    deliver(NOON)
    assert state(row) == "pending"
    deliver(NOON + MINUTE)
    assert state(row) == "sent"
    assert {message["Message-ID"] for message in smtp.mails} == {"<a.1.mail@example.com>"}
    assert len(smtp.mails) == 2


def test_a_server_that_never_greets_is_not_waited_for_long(settings, person, monkeypatch):
    monkeypatch.setattr(channels, "MAIL_TIMEOUT_S", 0.2)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    row = mail(person)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        deliver(NOON)
    assert (state(row), row.attempts) == ("pending", 0)
    assert "no connection" in row.last_error
    assert Lane.objects.get(name="mail").paused_until == NOON + MINUTE


def test_a_server_that_hangs_after_the_text_costs_an_attempt_and_gets_the_same_id(smtp, person, monkeypatch):
    monkeypatch.setattr(channels, "MAIL_TIMEOUT_S", 0.2)
    row = mail(person)
    smtp.answers = ["250 hang", "250 OK"]
    deliver(NOON)
    assert (state(row), row.attempts, row.next_attempt_at) == ("pending", 1, NOON + MINUTE)
    deliver(NOON + MINUTE)
    assert state(row) == "sent"
    assert [message["Message-ID"] for message in smtp.mails] == ["<a.1.mail@example.com>"] * 2


def test_a_sender_killed_after_sending_repeats_with_the_same_id(smtp, person, monkeypatch):
    row = mail(person)

    def killed(*args):
        raise SystemExit

    monkeypatch.setattr(outbox, "_sent", killed)
    monkeypatch.setattr(outbox, "_release", lambda *args: None)
    with pytest.raises(SystemExit):
        deliver(NOON)
    monkeypatch.undo()
    assert state(row) == "leased"
    assert deliver(NOON + timedelta(seconds=59)) == 0
    assert deliver(NOON + timedelta(seconds=61)) == 1
    assert (state(row), row.crashes, row.attempts) == ("sent", 1, 2)
    assert [message["Message-ID"] for message in smtp.mails] == ["<a.1.mail@example.com>"] * 2


def test_a_message_that_kills_its_sender_five_times_is_dead(person):
    row, at = mail(person), NOON
    for _ in range(5):
        assert claim_lane(at).groups
        at += timedelta(seconds=61)
    claim = claim_lane(at)
    assert claim.groups == []
    assert (state(row), row.crashes) == ("dead", 5)


def test_without_a_server_the_lane_rests_and_no_attempt_is_lost(settings, person):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = free.getsockname()
    rows = [mail(person, key=f"m{n}") for n in range(3)]
    assert deliver(NOON) == 1
    assert [state(row) for row in rows] == ["pending"] * 3
    assert [row.attempts for row in rows] == [0, 0, 0]
    lane = Lane.objects.get(name="mail")
    assert (lane.paused_until, lane.fails, lane.lease) == (NOON + MINUTE, 1, None)
    assert deliver(NOON + timedelta(seconds=30)) == 0
    deliver(NOON + MINUTE)
    assert Lane.objects.get(name="mail").paused_until == NOON + 6 * MINUTE


def test_after_a_rest_one_message_goes_first(smtp, person):
    for n in range(3):
        mail(person, key=f"m{n}")
    Lane.objects.update(paused_until=NOON, fails=5)
    claim = claim_lane(NOON)
    assert len(claim.groups) == 1
    outbox._release(claim, NOON)
    assert deliver(NOON) == 3
    assert (Lane.objects.get(name="mail").fails, Lane.objects.get(name="mail").paused_until) == (0, None)


def test_a_server_going_away_rests_the_lane(smtp, person):
    row = mail(person)
    smtp.answers = ["421 closing"]
    deliver(NOON)
    assert (state(row), row.attempts) == ("pending", 0)
    assert Lane.objects.get(name="mail").paused_until == NOON + MINUTE


def test_five_failures_in_a_row_rest_the_lane(smtp, person):
    rows = [mail(person, key=f"m{n}") for n in range(7)]
    smtp.answers = ["451 later"] * 7
    deliver(NOON)
    assert sum(row.attempts for row in rows if state(row)) == 5
    assert Lane.objects.get(name="mail").paused_until == NOON + MINUTE


def test_after_a_day_of_trying_a_mail_is_dead(smtp, person):
    row = mail(person)
    at, smtp.answers = NOON, ["451 later"] * 60
    for _ in range(60):
        deliver(at)
        if state(row) == "dead":
            break
        at = max(row.next_attempt_at, Lane.objects.get(name="mail").paused_until or at)
    assert row.state == "dead"
    assert timedelta(hours=20) < at - NOON < timedelta(hours=25)


@pytest.mark.parametrize(
    ("change", "state_after"),
    [({"payload": {"words": "x", "stale": True}}, "dropped"), ({"expires_at": NOON}, "dropped")],
)
def test_what_makes_no_sense_any_more_is_dropped(smtp, person, change, state_after):
    row = mail(person, **change)
    deliver(NOON)
    assert state(row) == state_after
    assert smtp.mails == []


def test_nobody_inactive_gets_mail(smtp, person):
    row = mail(person)
    type(person).objects.update(is_active=False)
    deliver(NOON)
    assert (state(row), smtp.mails) == ("dropped", [])


def test_a_kind_nobody_knows_waits_and_is_dead_after_a_day(smtp, person):
    row = mail(person, kind="unheard_of")
    deliver(NOON)
    assert (state(row), row.attempts) == ("pending", 0)
    deliver(NOON + timedelta(hours=24))
    assert state(row) == "dead"


def test_messages_of_one_digest_leave_as_one_mail(smtp, person):
    for n in range(3):
        mail(person, key=f"d{n}", digest_key="vera:news", payload={"words": f"news {n}"}, due_at=NOON + MINUTE)
    mail(person, key="later", digest_key="vera:news", due_at=NOON + 9 * MINUTE)
    assert deliver(NOON + MINUTE) == 1
    (message,) = smtp.mails
    assert message["Subject"] == "3 news"
    assert message["Message-ID"] == "<d0@example.com>"
    assert list(Outbox.objects.filter(state="sent").values_list("batch", flat=True)) == ["d0"] * 3
    assert deliver(NOON + 9 * MINUTE) == 1


def test_a_digest_that_is_repeated_is_the_same_message(smtp, person):
    for n in range(2):
        mail(person, key=f"d{n}", digest_key="vera:news", payload={"words": f"news {n}"})
    smtp.answers = ["451 later"]
    deliver(NOON)
    mail(person, key="d9", digest_key="vera:news", at=NOON + MINUTE)
    deliver(NOON + MINUTE)
    assert [(message["Message-ID"], message["Subject"]) for message in smtp.mails] == [
        ("<d0@example.com>", "2 news"),
        ("<d9@example.com>", "1 news"),
    ]


def test_a_line_break_in_a_subject_never_leaves(smtp, person):
    register("evil", Kind("Evil", lambda rows: Rendered("a\r\nBcc: x@example.com", "t", "t")))
    row = mail(person, kind="evil")
    deliver(NOON)
    del kinds["evil"]
    assert (state(row), smtp.mails) == ("dead", [])


@pytest.mark.parametrize("key", ["x" * 190, "strange key\n<>", "ä:1"])
def test_a_strange_key_makes_a_plain_id(key, settings):
    settings.DEFAULT_FROM_EMAIL = "accord@example.com"
    assert message_id(key) == message_id(key)
    assert len(message_id(key)) == 54
    assert message_id(key).isascii()


# In the portal


def test_a_message_in_the_portal_is_there_at_once_and_counted_until_seen(person):
    row = mail(person, channel="inapp")
    assert (row.state, row.sent_at, bell.unread(person)) == ("sent", NOON, 1)
    (notice,) = bell.latest(person)
    assert (notice.title, notice.url, notice.seen) == ("hello", "/inbox/", False)
    assert bell.mark_seen(person, at=NOON + MINUTE, ids=[row.pk]) == 1
    assert (bell.unread(person), bell.mark_seen(person, at=NOON)) == (0, 0)
    assert bell.latest(person)[0].seen


def test_a_held_message_is_not_seen_before_its_time(person):
    mail(person, channel="inapp", due_at=NOON + MINUTE)
    assert (bell.unread(person), bell.latest(person)) == (0, [])
    deliver(NOON + MINUTE)
    assert bell.unread(person) == 1


def test_people_see_their_own_messages_only(person, make):
    mail(person, channel="inapp")
    other = make.user()
    assert bell.unread(other) == 0
    assert bell.mark_seen(other, at=NOON) == 0
    assert bell.unread(person) == 1


def test_the_bell_costs_one_query(person, django_assert_num_queries):
    for n in range(5):
        mail(person, key=f"k{n}", channel="inapp")
    with django_assert_num_queries(1):
        assert bell.unread(person) == 5
    with django_assert_num_queries(1):
        assert len(bell.latest(person)) == 5


# Work


def work(key="w1", **payload):
    enqueue([Message(key=key, kind="test.work", channel="work", payload=payload)], at=NOON)
    return Outbox.objects.get(key=key)


def test_work_is_done_once_and_marked_with_it(db, known_kind):
    row = work()
    assert (deliver(NOON), deliver(NOON)) == (1, 0)
    assert (state(row), known_kind) == ("sent", ["w1"])


def test_failing_work_is_tried_four_times_more_then_dead_and_the_rest_goes_on(db, known_kind):
    bad, good, at = work(fails=True), work("w2"), NOON
    deliver(at)
    assert state(good) == "sent"
    waits = []
    while state(bad) != "dead":
        waits.append(bad.next_attempt_at - at)
        at = bad.next_attempt_at
        deliver(at)
    assert waits == [MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE]
    assert (bad.attempts, bad.last_error) == (5, "cannot be done")


def test_work_whose_claim_was_lost_is_undone(db, make, monkeypatch):
    monkeypatch.setattr(outbox, "BUDGET_S", 0.2)  # it is tried again as long as there is time
    lead = make.lead()

    def slow(row):
        type(lead).objects.filter(pk=lead.pk).update(job_title="changed")
        Outbox.objects.filter(pk=row.pk).update(lease=None)  # as if another sender had taken it

    register("test.slow", Kind("Slow", handle=slow))
    enqueue([Message(key="s", kind="test.slow", channel="work", payload={})], at=NOON)
    deliver(NOON)
    del kinds["test.slow"]
    lead.refresh_from_db()
    assert lead.job_title == ""


# Claims


def test_two_senders_never_hold_the_same_lane(person):
    mail(person)
    mail(person, key="b")
    first = claim_lane(NOON)
    assert (first.lane, len(first.groups)) == ("mail", 2)
    assert claim_lane(NOON) is None
    outbox._release(first, NOON)
    assert claim_lane(NOON).lane == "mail"


def test_a_claim_that_ran_out_is_not_sent_by_its_old_holder(smtp, person):
    row = mail(person)
    first = claim_lane(NOON)
    second = claim_lane(NOON + timedelta(seconds=61))
    assert second.groups
    assert outbox._serve(first, NOON + timedelta(seconds=61), 0.0) == 0
    assert smtp.mails == []
    assert state(row) == "leased"


def test_lanes_take_turns(person, db):
    mail(person)
    work()
    assert {claim_lane(NOON).lane, claim_lane(NOON).lane} == {"mail", "work"}


@pytest.mark.parametrize(
    ("fails", "at_once", "minutes"), [(1, True, 1), (2, True, 5), (9, True, 60), (4, False, None), (5, False, 1), (6, False, 5)]
)
def test_rests_grow(fails, at_once, minutes):
    pause = lane_pause(fails, at_once=at_once)
    assert pause == (None if minutes is None else minutes * MINUTE)


def test_a_final_failure_is_never_retried(person):
    assert next_try(mail(person), Undelivered("no", final=True), NOON) is None


@pytest.mark.django_db(transaction=True)
def test_many_senders_lose_nothing_and_double_nothing(smtp, make):
    """Three senders on connections of their own share a hundred messages."""
    person = make.user("many@example.org")
    for n in range(100):
        mail(person, key=f"m{n}")

    def send():
        for _ in range(30):
            deliver(NOON)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Outbox.objects.filter(state="sent").count() == 100
    assert len({message["Message-ID"] for message in smtp.mails}) == len(smtp.mails) == 100


def test_the_trial_prints_its_mail(settings, person, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    row = mail(person)
    deliver(NOON)
    assert state(row) == "sent"
    assert "Subject: 1 news" in capsys.readouterr().out


def test_a_mail_without_a_recipient_is_dead(db):
    enqueue([Message(key="nobody", kind="test", channel="mail", payload={"words": "x"})], at=NOON)
    deliver(NOON)
    row = Outbox.objects.get()
    assert row.state == "dead"
    with pytest.raises(Undelivered):
        compose([row])


def test_the_newest_messages_of_a_person_are_found_by_an_index_seen_or_not(person):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        plan = bell._mine(person).order_by("-id")[:20].explain()
    assert "outbox_bell" in plan
    assert "Sort" not in plan
