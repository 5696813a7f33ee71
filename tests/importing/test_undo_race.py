"""An import is undone while its leads are scored: both lock in one order, so neither has to give up."""

import threading
import time

import pytest
from django.db import connection, transaction

from leads import clock, jobs
from leads.importing import actions
from leads.models import ImportRun, Lead
from scoring.store import lock_states
from tests.importing.samples import LEADS, lines, text

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


@pytest.mark.django_db(transaction=True)
def test_an_undo_waits_for_who_scores_its_leads_before_it_holds_any_of_them(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_RETRIES", 0)  # else a deadlock would only be tried again
    run = actions.upload(text(LEADS + lines(5)), name="leads.csv", kind="leads", actor=None)
    actions.start(run, actor=None)
    while jobs.run_once():
        pass
    ids = list(Lead.objects.order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        lock_states(ids, clock.now())  # they were scored before
    run.refresh_from_db()
    actions.undo(run, actor=None)
    held, faults = threading.Event(), []

    def score():
        """As the scoring pass does: the states, then the leads that move on."""
        try:
            with transaction.atomic():
                lock_states(ids, clock.now())
                held.set()
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    with connection.cursor() as cursor:
                        cursor.execute(WAITING)
                        if cursor.fetchone()[0]:
                            break
                    time.sleep(0.02)
                assert len(Lead.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")) == 5
        except Exception as error:
            faults.append(error)
        finally:
            held.set()
            connection.close()

    scorer = threading.Thread(target=score)
    scorer.start()
    held.wait(20)
    steps = jobs.run_once()
    scorer.join()
    run = ImportRun.objects.get(pk=run.pk)
    assert (faults, run.state, Lead.objects.count()) == ([], "undone", 0)
    assert steps == 1
