"""Processes of a host share what a preview said: one works it out, the others wait and read."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from scoring.preview import sharing
from scoring.preview.sharing import shared
from scoring.snapshot import files
from tests.scoring.samples import a_test, spec
from tests.scoring.test_preview import HISTORIES, asked


@pytest.fixture
def snapshot(tmp_path):
    (tmp_path / "gen/000007").mkdir(parents=True)
    return replace(HISTORIES[0].snapshot, folder=tmp_path, number=7)


def previews(snapshot):
    return sorted((snapshot.folder / "gen/000007/previews").iterdir())


RESULT = asked(HISTORIES[0], spec(a_test("vp", 30)), spec(a_test("vp", 10)))


def never():
    raise AssertionError("worked out twice")


def test_who_asks_meanwhile_waits_and_reads(snapshot):
    begun, go_on = Event(), Event()

    def slowly():
        begun.set()
        assert go_on.wait(10)
        return RESULT

    with ThreadPoolExecutor(2) as two:
        first = two.submit(shared, snapshot, "a", slowly)
        assert begun.wait(10)
        second = two.submit(shared, snapshot, "a", never)  # locks are of the open file, as between processes
        assert shared(snapshot, "b", lambda: RESULT) == RESULT  # another question waits for nobody
        assert not second.done()
        go_on.set()
        assert first.result(10) == second.result(10) == RESULT


def test_what_a_killed_process_left_is_worked_out_again(snapshot):
    child = os.fork()
    if child == 0:
        shared(snapshot, "a", lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert shared(snapshot, "a", lambda: RESULT) == RESULT
    (path,) = previews(snapshot)
    path.write_bytes(path.read_bytes()[:-100])
    assert shared(snapshot, "a", lambda: RESULT) == RESULT
    assert shared(snapshot, "a", never) == RESULT


def test_the_newest_are_kept_until_the_builder_sweeps(snapshot, monkeypatch):
    monkeypatch.setattr(sharing, "KEPT", 2)
    for name in "abcd":
        shared(snapshot, name, lambda: RESULT)
        os.utime(previews(snapshot)[-1], (1, ord(name)))
    assert [path.stem for path in previews(snapshot)] == ["c", "d"]
    files.sweep(snapshot.folder, [])
    assert not (snapshot.folder / "gen/000007").exists()
    assert shared(snapshot, "e", lambda: RESULT) == RESULT  # a reader of a generation that is gone
