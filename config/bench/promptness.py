"""How soon clocks fire under a steady load, by the worker as it runs in production, and how fast messages leave by mail."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.core.mail import get_connection
from django.test.utils import override_settings

from config.bench.measure import Result, check, median_ms, p95_ms, p99_ms
from config.bench.promises import TOLD, fall_due_one_by_one, first_clocks
from config.bench.scratch import database_url
from config.bench.server import free_port, running
from handoff import notices
from handoff.models import Handoff, SlaEvent, SlaTimer
from handoff.states import HandoffState
from leads import clock
from leads.models import Heartbeat, Outbox
from leads.notify.messages import Message, enqueue

LATE_TARGET_MS = 2_000.0
MAIL_TARGET = 50.0  # messages a second
SENDERS = 3
AHEAD_S = 3.0
PATIENCE_S = 60.0


def lateness(database: str, number: int, rate: float) -> Result:
    """`number` clocks fall due `rate` a second while a worker runs. Late is until somebody else can see that it fired."""
    ids = first_clocks(number)
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as folder, _worker(database, Path(folder)):
        _until(lambda: Heartbeat.objects.filter(name="sweeper").exists(), "the worker did not come up")
        last = SlaEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        fall_due_one_by_one(ids, first=AHEAD_S, rate=rate)
        due = dict(SlaTimer.objects.filter(pk__in=ids).values_list("pk", "due_at"))
        late: dict[int, float] = {}
        end = time.monotonic() + AHEAD_S + number / rate + PATIENCE_S
        while len(late) < number and time.monotonic() < end:
            time.sleep(0.05)
            last = _look(last, due, late)
        events = SlaEvent.objects.filter(timer_id__in=ids, step="breach", outcome="fired").count()
    check(len(late) == number, f"{number - len(late)} clocks were lost")
    check(events == number, f"{events - number} clocks fired twice")
    check(Outbox.objects.filter(timer_id__in=ids).count() == TOLD * number, "not everybody was told of every breach once")
    seconds = list(late.values())
    worst = p99_ms(seconds)
    return Result(
        "lateness", number, median_ms(seconds), p95_ms(seconds), rate, target=LATE_TARGET_MS, met=worst < LATE_TARGET_MS,
        target_of="p99_ms", p99_ms=worst,
    )  # fmt: skip


def _look(last: int, due: dict[int, datetime], late: dict[int, float]) -> int:
    """Note how late is what can be seen since event `last`; returns the newest event."""
    rows = list(SlaEvent.objects.filter(pk__gt=last, step="breach").order_by("pk").values_list("pk", "timer_id"))
    seen = clock.now()
    for pk, timer in rows:
        check(timer not in late, "a clock fired twice")
        late[timer] = (seen - due[timer]).total_seconds()
        last = pk
    return last


@contextmanager
def _worker(database: str, folder: Path) -> Iterator[None]:
    settings_too = {
        "VAR_DIR": str(folder), "SCORING_SNAPSHOT_DIR": str(folder / "snapshot"), "EMAIL_URL": "dummymail://", "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    with running(["manage.py", "worker"], database_url(database), settings_too, patience=90):
        yield


def mail_delivery(number: int) -> Result:
    """`number` offers by mail to a mail server on the loopback, by three senders of the worker."""
    from config.management.commands.worker import Sender

    keys = _write_offers(number)
    stop = threading.Event()
    with _mail_server() as taken:
        start = time.perf_counter()
        senders = [Sender(place, stop) for place in range(SENDERS)]
        try:
            _until(lambda: not _waiting(keys), "not all messages left", within=120)
            taken_s = time.perf_counter() - start
        finally:
            stop.set()
            for sender in senders:
                sender.thread.join(30)
        ids = taken()
    check(len(set(ids)) == number, f"{number - len(set(ids))} messages are lost")
    check(len(ids) == number, f"{len(ids) - number} messages came twice")
    check(Outbox.objects.filter(key__in=keys, state="sent", attempts=1).count() == number, "a message is not marked as sent once")
    rate = number / taken_s
    return Result(
        "mail_delivery", number, taken_s * 1000, None, rate, target=MAIL_TARGET, met=rate >= MAIL_TARGET, target_of="rate_per_s"
    )


def _write_offers(number: int) -> list[str]:
    """An offer by mail for each of so many hand-offs, none of them gathered with another."""
    Outbox.objects.filter(channel=Outbox.Channel.MAIL).delete()
    now = clock.now()
    handoffs = Handoff.objects.filter(state=HandoffState.OFFERED).select_related("lead__company").order_by("pk")[:number]
    rows = [
        Message(
            key=f"bench:{one.pk}", kind=notices.OFFERED, channel=notices.MAIL, payload=notices.facts(one), recipient_id=one.owner_id,
            handoff_id=one.pk, epoch=one.epoch,
        )
        for one in handoffs
    ]  # fmt: skip
    enqueue(rows, at=now)
    return [row.key for row in rows]


def _waiting(keys: list[str]) -> bool:
    time.sleep(0.1)
    return Outbox.objects.filter(key__in=keys, next_attempt_at__isnull=False).exists()


@contextmanager
def _mail_server() -> Iterator[Callable[[], list[str]]]:
    """A mail server as a process of its own, and the mail settings that lead to it; yields what tells the ids it took."""
    port = free_port()
    with tempfile.NamedTemporaryFile("r", prefix="accord-bench-") as file:
        process = subprocess.Popen([sys.executable, "-m", "config.bench.mailserver", str(port), file.name])
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port,
            "EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "",
        }  # fmt: skip
        try:
            with override_settings(**mail):
                _until(_answers, "the mail server did not come up (it needs the development packages: make lint installs them)")
                yield lambda: file.read().split()
        finally:
            process.terminate()
            process.wait(20)


def _answers() -> bool:
    try:
        with get_connection():
            return True
    except OSError:
        return False


def _until(holds: Callable[[], bool], otherwise: str, within: float = PATIENCE_S) -> None:
    end = time.monotonic() + within
    while not holds():
        check(time.monotonic() < end, otherwise)
        time.sleep(0.05)
