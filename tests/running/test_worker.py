"""The worker's loops: steps are called while there is something to do, errors end nothing, a hanging sender is replaced."""

from __future__ import annotations

import logging
import os
import runpy
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from config import limits
from config.management.commands import worker
from handoff import sweep
from leads import clock


@pytest.fixture
def stop():
    return threading.Event()


def beats(log):
    return lambda: log.append("beat")


def test_a_step_with_something_to_do_is_called_again_at_once(stop, monkeypatch):
    waits, left = [], [3, 2, 1, 0]
    monkeypatch.setattr(stop, "wait", lambda seconds: waits.append(seconds) or stop.set())
    worker.repeat("part", stop, lambda: left.pop(0), pulse=beats([]), pause=0.5)
    assert (left, waits) == ([], [0.5])


def test_an_error_is_logged_and_tried_again_after_longer_pauses(stop, monkeypatch, caplog):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 8:
            stop.set()

    monkeypatch.setattr(stop, "wait", wait)
    worker.repeat("part", stop, lambda: 1 / 0, pulse=beats([]), pause=0.5)
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]
    assert "part failed" in caplog.text


def test_a_database_that_is_away_is_asked_every_second_and_told_of_once(stop, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    waits, answers = [], [OperationalError("server closed the connection\n")] * 9 + [1, 0]
    monkeypatch.setattr(stop, "wait", waits.append)

    def step():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if not answers:
            stop.set()
        return answer

    worker.repeat("part", stop, step, pulse=beats([]), pause=0.5)
    assert waits == [1.0] * 9 + [0.5]
    told = ["part: the database: server closed the connection", "part: the database is back"]
    assert [record.getMessage() for record in caplog.records] == told
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(("due", "sleeps"), [(None, 1.0), (-5, 0.1), (0.02, 0.1), (0.4, 0.4), (90, 1.0)])
def test_a_sweep_sleeps_until_the_next_clock_is_due(db, freeze, monkeypatch, due, sleeps):
    freeze()
    monkeypatch.setattr(sweep, "next_due", lambda: None if due is None else clock.now() + timedelta(seconds=due))
    assert worker.until_due() == pytest.approx(sleeps)


def test_a_life_sign_comes_before_every_step(stop):
    log = []

    def step():
        log.append("step")
        if len(log) > 3:
            stop.set()
        return 1

    worker.repeat("part", stop, step, pulse=beats(log), pause=0.5)
    assert log == ["beat", "step", "beat", "step"]


def test_a_hanging_sender_is_replaced_and_three_end_the_worker(monkeypatch, stop):
    class Hanging:
        is_stuck = True

        def __init__(self, number=0, stop=None):
            self.retired = threading.Event()

    monkeypatch.setattr(worker, "Sender", Hanging)
    parent = worker.Worker.__new__(worker.Worker)
    parent.stop, parent.children, parent.senders, parent.lost, parent.restarted = stop, [], [Hanging()], 0, []
    first = parent.senders[0]
    parent.supervise()
    assert first.retired.is_set()
    assert parent.senders[0] is not first
    parent.supervise()
    with pytest.raises(SystemExit):
        parent.supervise()
    assert parent.restarted == ["outbox"] * 3


@pytest.mark.django_db(transaction=True)
def test_limits_are_told_after_connecting_as_a_pooler_takes_none_at_login(monkeypatch):
    monkeypatch.delenv("PGOPTIONS", raising=False)
    monkeypatch.setattr(limits, "_LIMITS", {})

    def told():
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        with connection.cursor() as cursor:
            assert not cursor.connection.info.options
            return [cursor.execute(f"SHOW {name}").fetchone()[0] for name in names]

    try:
        worker.limit_statements("10min", "0")
        assert told() == ["5s", "10min", "0"]
        connection.close()
        runpy.run_path("config/gunicorn.py")
        assert told() == ["5s", "30s", "1min"]
        assert "PGOPTIONS" not in os.environ
    finally:
        connection_created.disconnect(dispatch_uid="limits")
        connection.close()
