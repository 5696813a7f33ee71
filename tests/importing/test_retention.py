"""Files of imports go a month after the end; what people still need of an import does not hang on its file."""

from datetime import timedelta

import pytest
from django.urls import reverse

from handoff.housekeeping import purge
from leads import clock
from leads.errors import Conflict
from leads.importing import actions
from leads.importing.retention import forget_files
from leads.models import ImportRefusal, ImportRun, Lead
from tests.importing.samples import LEADS, lines

DAY = timedelta(days=1)


@pytest.fixture
def files(tmp_path):
    return lambda: sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def aged(run, days):
    """The import as it is so many days after its end."""
    at = clock.now() - days * DAY
    ended = {"undone_at": at} if run.state == "undone" else {"finished_at": at} if run.finished_at else {}
    ImportRun.objects.filter(pk=run.pk).update(created_at=at, **ended)


@pytest.mark.parametrize(
    ("state", "gone"), [("done", True), ("undone", True), ("stopped", False), ("failed", False), ("running", False)]
)
def test_files_of_ended_imports_go_after_thirty_days_and_those_that_can_go_on_stay(imported, files, state, gone):
    old, young = imported(LEADS + lines(2)), imported(LEADS + lines(3))
    for run, days in ((old, 31), (young, 29)):
        ImportRun.objects.filter(pk=run.pk).update(state=state, undone_at=run.finished_at)
        run.refresh_from_db()
        aged(run, days)
    before = files()
    assert len(before) == 2
    assert forget_files(clock.now(), 10) == (1 if gone else 0)
    assert len(files()) == (1 if gone else 2)
    old.refresh_from_db()
    assert bool(old.file) is not gone
    assert forget_files(clock.now(), 10) == 0


def test_uploads_that_nobody_ran_are_forgotten_but_not_while_they_are_checked(upload, ops, files):
    left, checked, young = (upload(LEADS + lines(n)) for n in (1, 2, 3))
    actions.start_check(checked, actor=ops)
    for run, days in ((left, 31), (checked, 31), (young, 29)):
        aged(run, days)
    assert forget_files(clock.now(), 10) == 1
    assert set(ImportRun.objects.all()) == {checked, young}
    assert len(files()) == 2


def test_the_hourly_housekeeping_takes_them_along(imported, files):
    aged(imported(LEADS + lines(2)), 31)
    assert purge(clock.now()) == 1
    assert files() == []


def test_a_batch_takes_no_more_than_asked_for(imported, upload, files):
    for _ in range(2):
        aged(imported(LEADS + lines(2)), 31)
        aged(upload(LEADS + lines(2)), 31)
    assert [forget_files(clock.now(), 3) for _ in range(3)] == [3, 1, 0]
    assert files() == []


def test_undo_and_refused_rows_need_no_file(imported, ops, work, client_of, files):
    run = imported(LEADS + lines(2) + "x@y.test,A,B,C,lots,\n")
    ImportRun.objects.filter(pk=run.pk).update(finished_at=clock.now() - 31 * DAY)
    forget_files(clock.now(), 10)
    ImportRun.objects.filter(pk=run.pk).update(finished_at=clock.now())
    assert files() == []
    run.refresh_from_db()
    browser = client_of(ops)
    download = browser.get(reverse("admin:import-refused-download", args=[run.pk]))
    assert "x@y.test" in b"".join(download.streaming_content).decode()
    assert browser.get(reverse("admin:import-detail", args=[run.pk])).status_code == 200
    actions.retry(run, actor=ops)
    work()
    assert ImportRefusal.objects.get().corrected_at is None
    run.refresh_from_db()
    actions.undo(run, actor=ops)
    work()
    run.refresh_from_db()
    assert (run.state, Lead.objects.count()) == ("undone", 0)
    with pytest.raises(Conflict, match="Upload it again"), actions.opened(run):
        pass
