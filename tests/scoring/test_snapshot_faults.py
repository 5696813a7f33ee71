"""What other processes do to the snapshot's builder: commit late, read meanwhile, kill it."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from config.bench.scratch import database_url
from leads import clock
from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from leads.models import Activity, Case, Lead
from leads.revisions import touch_revisions
from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import evaluate
from scoring.preview.drafts import waiting
from scoring.snapshot import building, files, reading, reading_leads
from scoring.snapshot.mark import Mark
from scoring.snapshot.reader import open_snapshot
from tests.scoring.samples import REGISTRY, a_tally, spec
from tests.scoring.test_snapshot import rows_of

pytestmark = pytest.mark.django_db(transaction=True)
WHITEPAPER = spec(a_tally("t", 5, days=90), registry=REGISTRY)


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.SCORING_SNAPSHOT_DIR = tmp_path / "snapshot"
    return settings.SCORING_SNAPSHOT_DIR


def in_another_transaction(work, *, until: threading.Event) -> threading.Thread:
    """Run `work` in a transaction of its own, which commits only when `until` is set; returns once the work is done."""
    done = threading.Event()

    def run():
        try:
            with transaction.atomic():
                work()
                done.set()
                until.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(20)
    return thread


def test_a_transaction_open_across_refreshes_is_picked_up_when_it_commits(make):
    lead, other = make.lead(), make.lead()
    building.refresh()
    may_commit = threading.Event()

    def write():
        make.activity(lead, "whitepaper", clock.now() - timedelta(days=1))
        freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.LOST, decided_at=clock.now())
        touch_revisions([lead.pk])

    writer = in_another_transaction(write, until=may_commit)
    for _ in range(2):  # later transactions commit first and are read meanwhile
        make.activity(other, "whitepaper", clock.now() - timedelta(days=1))
        touch_revisions([other.pk])
        seen = building.refresh()
    assert evaluate(WHITEPAPER, seen.leads, cache=ColumnCache(0)).engagement.tolist() == [0, 5]
    assert seen.case_count == 0
    assert waiting(seen) == 0  # all that is committed was read, however long the other goes on
    may_commit.set()
    writer.join()
    assert waiting(seen) == 1
    seen = building.refresh()
    assert evaluate(WHITEPAPER, seen.leads, cache=ColumnCache(0)).engagement.tolist() == [5, 5]
    assert seen.case_count == 1


def test_what_commits_while_the_builder_reads_comes_with_the_next_refresh(make, monkeypatch):
    lead = make.lead()
    right, readings = reading_leads.read_leads, []

    def read_and_let_another_write(*arguments):
        rows = right(*arguments)
        readings.append(rows)
        if len(readings) == 1:  # a sample, which comes before all rows
            return rows
        Lead.objects.filter(pk=lead.pk).update(job_title="Changed meanwhile")
        touch_revisions([lead.pk])
        return rows

    monkeypatch.setattr(reading_leads, "read_leads", read_and_let_another_write)
    first = building.refresh()
    monkeypatch.setattr(reading_leads, "read_leads", right)
    assert len(readings) == 2
    assert first.dictionaries["lead.job_title"].find(" changed meanwhile ") is None
    second = building.refresh()
    assert second.dictionaries["lead.job_title"].find(" changed meanwhile ") is not None
    assert building.refresh().number == second.number


def in_words(snapshot):
    """Every case's facts, events and outcome, by id."""
    return {
        row: (found, outcome)
        for one in snapshot.cases
        for (row, found), outcome in zip(rows_of(one.segment).items(), one.outcome.tolist(), strict=True)
    }


def test_the_history_of_a_case_is_read_again_only_when_it_changed(make, monkeypatch):
    """Late and lost activities and erased facts are noted by the database, whoever writes them and in what way."""
    right_now = Mark.now
    # As if nobody else used the server: while a transaction is open anywhere, all cases of changed leads are read.
    monkeypatch.setattr(Mark, "now", lambda: Mark(f"{right_now().following}:{right_now().following}:"))
    now = clock.now()
    late, lost, erased, early, other = (make.lead(job_title="Head of IT") for _ in range(5))
    cases = {}
    for lead in (late, lost, erased, early, other):
        make.activity(lead, "whitepaper", now - timedelta(days=9))
        cases[lead] = freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.LOST, decided_at=now - timedelta(days=1))
    building.refresh()
    make.activity(late, "webinar_attended", now - timedelta(days=2), known_at=now - timedelta(days=2))
    Activity.objects.filter(lead=lost).delete()
    Case.objects.filter(pk=cases[erased].pk).update(facts={})
    make.activity(early, "webinar_attended", now - timedelta(days=2), known_at=now)  # not known when it was decided
    touch_revisions([lead.pk for lead in cases])
    asked = []
    right = reading.ask_cases
    monkeypatch.setattr(reading, "ask_cases", lambda ids, *more: asked.extend(ids) or right(ids, *more))
    refreshed = in_words(building.refresh())
    assert sorted(asked) == sorted(cases[lead].pk for lead in (late, lost, erased))
    assert refreshed == in_words(building.rebuild())
    assert [len(refreshed[case.pk][0][1]) for case in cases.values()] == [2, 0, 1, 1, 1]


def test_an_activity_that_knew_of_no_case_yet_reaches_the_case(make):
    """Its transaction was open when the case was decided, and for several refreshes after."""
    lead, now = make.lead(), clock.now()
    may_commit = threading.Event()

    def write():
        make.activity(lead, "whitepaper", now - timedelta(days=3), known_at=now - timedelta(days=3))

    writer = in_another_transaction(write, until=may_commit)
    freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.WON, decided_at=now)
    for _ in range(3):
        seen = building.refresh()
        make.lead()
    may_commit.set()
    writer.join()
    touch_revisions([lead.pk])
    assert [len(found[1]) for found, _ in in_words(seen).values()] == [0]
    seen = building.refresh()
    assert [len(found[1]) for found, _ in in_words(seen).values()] == [1]
    assert in_words(seen) == in_words(building.rebuild())


_BUILD_SLOWLY = """
import sys, time
import django
django.setup()
from scoring.snapshot import building, writing
right = writing.Writer.{method}
calls = []
def slow(self, *arguments):
    calls.append(1)
    if len(calls) == {call}:
        print("in the middle", flush=True)
        time.sleep(60)
    return right(self, *arguments)
writing.Writer.{method} = slow
building.rebuild()
"""


@pytest.mark.faults
@pytest.mark.parametrize(("method", "call"), [("arrays", 2), ("dictionary", 2), ("publish", 1)])
def test_a_builder_killed_in_the_middle_leaves_the_old_generation_whole(make, folder, method, call):
    for number in range(5):
        lead = make.lead(job_title=f"Title {number}")
        freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.WON, decided_at=clock.now())
    before = building.refresh()
    place = {"DATABASE_URL": database_url(str(connection.settings_dict["NAME"])), "SCORING_SNAPSHOT_DIR": str(folder)}
    script = _BUILD_SLOWLY.format(method=method, call=call)
    environment = os.environ | place | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=Path(django_settings.BASE_DIR), env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        with pytest.raises(files.Busy):
            building.refresh(wait=False)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(20)
        child.stdout.close()
    left = open_snapshot(folder)
    assert left is not None
    assert left.number == before.number
    files.verify(folder, left.manifest)
    assert left.leads.ids.tolist() == before.leads.ids.tolist()
    after = building.rebuild(wait=False)
    wanted = {entry["name"] for entry in files.entries(after.manifest)} | {
        f"gen/{after.number:06}/manifest.json",
        "CURRENT",
        "lock",
    }
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == wanted


def test_readers_never_meet_half_a_generation(make, folder):
    for _ in range(20):
        make.lead()
    building.refresh()
    problems, stop = [], threading.Event()

    def read():
        held = None
        while not stop.is_set():
            try:
                held = open_snapshot(folder, held)
                assert len(held.leads) >= 20
                evaluate(WHITEPAPER, held.leads, cache=ColumnCache(0))
            except (files.Damaged, AssertionError, AttributeError) as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for one in readers:
        one.start()
    for _ in range(6):
        make.lead()
        building.refresh()
        time.sleep(0.02)
        building.rebuild()
    stop.set()
    for one in readers:
        one.join()
    assert problems == []
