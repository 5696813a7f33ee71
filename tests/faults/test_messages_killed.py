"""Senders killed at any moment while mails and webhooks leave: none is lost, and what comes twice comes under the same id."""

import random
import signal
import socket
import time
from collections import Counter
from contextlib import contextmanager
from email import message_from_bytes

import pytest
from aiosmtpd.controller import Controller

from leads import clock
from leads.models import Outbox, Webhook
from leads.notify.messages import Message, enqueue
from leads.notify.signing import new_secret
from leads.sealing import seal
from tests.faults.test_activation_killed import start
from tests.importing.test_kill import wait_for
from tests.notify.peers import peer

pytestmark = pytest.mark.faults
MAILS, POSTS, KILLS, SENDERS = 300, 150, 15, 3
# A sender as the worker runs it, whose claims end soon, so that the test need not wait a minute for each that was killed.
SENDER = """
import time
from datetime import timedelta
import django
django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", {port}
settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
from leads.notify import outbox
outbox.LEASE = timedelta(seconds={lease})
print("here", flush=True)
while True:
    outbox.deliver()
    time.sleep(0.02)
"""


class Mailbox:
    """A mail server that notes the id of each mail and when it came."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.taken.append((message_from_bytes(envelope.content)["Message-ID"], time.monotonic()))
        return "250 OK"


@contextmanager
def mailbox():
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        box.port = port
        yield box
    finally:
        controller.stop()


@contextmanager
def senders(number, port, web_port, lease):
    """Sender processes, all at work; the list may be changed and is emptied at the end."""
    allowed = {"WEBHOOK_ALLOW_HTTP": "1", "WEBHOOK_PORTS": str(web_port), "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}

    def one():
        return start(SENDER.format(port=port, lease=lease), **allowed)

    running = [one() for _ in range(number)]
    try:
        for process in running:
            assert process.stdout.readline() == "here\n"
        yield running, one
    finally:
        for process in running:
            kill(process)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    process.stdout.close()
    process.stdin.close()


def endpoint(name, port):
    now = clock.now()
    return Webhook.objects.create(
        name=name, sealed_url=seal(f"http://127.0.0.1:{port}/"), shown_url="x", sealed_secret=seal(new_secret()),
        events=["handoff.accepted"], on_since=now, created_at=now,
    )  # fmt: skip


def put(mails, posts, person):
    """Messages that always make sense, some by mail and some for each endpoint."""
    payload = {"event": "handoff.accepted", "verb": "reassign", "lead": "Ivy", "company": "", "actor": "Mona"}
    letters = [Message(f"m:{n}", "handoff.moved", "mail", payload, recipient_id=person.pk) for n in range(mails)]
    enqueue(letters + [Message(f"w:{n}", "handoff.moved", "webhook", payload) for n in range(posts)], at=clock.now())


@pytest.mark.django_db(transaction=True)
def test_killed_senders_lose_nothing_and_repeat_under_the_same_id(make):
    chance = random.Random(20)
    person = make.user("vera@accord.test", "Vera Vale", "rep")
    with mailbox() as box, peer() as web:
        hooks = [endpoint(f"System {n}", web.port) for n in range(2)]
        put(MAILS, POSTS, person)
        with senders(SENDERS, box.port, web.port, lease=1.5) as (running, one):
            killed = 0
            while killed < KILLS:
                time.sleep(chance.uniform(0.1, 0.5))
                if not Outbox.objects.filter(next_attempt_at__isnull=False).exists():
                    break
                place = chance.randrange(len(running))
                kill(running[place])
                killed += 1
                running[place] = one()
            wait_for(lambda: not Outbox.objects.filter(next_attempt_at__isnull=False).exists(), 120)
        assert killed == KILLS, "too few messages for all the kills"
        mails = Counter(message_id for message_id, _ in box.taken)
        posts = Counter(headers["webhook-id"] for _, headers, _ in web.requests)
    assert len(mails) == MAILS
    assert len(posts) == POSTS * len(hooks)
    repeated = sum((mails - Counter(list(mails))).values()) + sum((posts - Counter(list(posts))).values())
    assert repeated <= KILLS, f"{repeated} repeats for {KILLS} kills"
    assert set(Outbox.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_endpoints_that_hang_delay_no_mail(make):
    person = make.user("vera@accord.test", "Vera Vale", "rep")
    with mailbox() as box, peer() as web:
        web.answers = [lambda wire: time.sleep(60)]
        for n in range(3):
            endpoint(f"System {n}", web.port)
        with senders(4, box.port, web.port, lease=60) as (_, _one):
            put(0, 1, person)
            wait_for(lambda: len(web.requests) == 3, 20)  # three of the four senders hang
            began = time.monotonic()
            put(20, 0, person)
            wait_for(lambda: len(box.taken) == 20, 20)
            late = sorted(at - began for _, at in box.taken)
            assert late[-1] < 5, late
            assert Outbox.objects.filter(channel="webhook", state="leased").count() == 3
