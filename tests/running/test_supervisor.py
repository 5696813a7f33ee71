"""Children in process groups of their own: restarted with pauses, ended with their groups, gone when the parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from handoff import supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def wait_until(true, seconds=15.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def child():
    made = []

    def build(command=SLEEPER, **options):
        made.append(supervisor.Child("part", command, **options))
        return made[-1]

    yield build
    for one in made:
        one.kill()
        one.finish(5)


def test_a_child_leads_a_group_of_its_own_and_stops_when_asked(child):
    one = child()
    one.start()
    pid = one.pid
    assert os.getpgid(pid) == pid != os.getpgid(0)
    one.ask_to_stop()
    one.finish(10)
    assert (one.pid, is_alive(pid)) == (None, False)


def test_a_child_that_ends_is_started_again_after_longer_and_longer_pauses(child):
    called = []
    one = child([sys.executable, "-c", "pass"], before_restart=lambda: called.append(1))
    one.start()
    wait_until(lambda: one._has_ended(one.pid))
    first = one.pid
    one.supervise()  # at once
    assert one.pid not in (None, first)
    wait_until(lambda: one._has_ended(one.pid))
    one.supervise()  # now it has to wait
    assert one.pid is None
    assert 0.5 < one._next_start - time.monotonic() <= 1.0
    assert called == [1]


def test_what_is_left_of_a_dead_childs_group_is_killed(child, tmp_path):
    note = tmp_path / "grandchild"
    script = f"import subprocess, sys; p = subprocess.Popen({SLEEPER!r}); open({str(note)!r}, 'w').write(str(p.pid)); sys.exit(3)"
    one = child([sys.executable, "-c", script])
    one.start()
    wait_until(lambda: one._has_ended(one.pid))
    grandchild = int(note.read_text())
    assert is_alive(grandchild)
    one.supervise()
    wait_until(lambda: not is_alive(grandchild))
    assert grandchild > 0


def test_a_child_that_will_not_stop_is_killed_after_its_patience(child):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    one = child([sys.executable, "-c", deaf])
    one.start()
    pid = one.pid
    time.sleep(0.5)
    one.ask_to_stop()
    one.finish(0.5)
    assert not is_alive(pid)


PARENT = """
    import sys, time
    from handoff import supervisor
    def run():
        supervisor.stop_with_parent()
        time.sleep(60)
    script = "from handoff import supervisor; import time; supervisor.stop_with_parent(); time.sleep(60)"
    forked = [supervisor.Child(f"fork{n}", [], forked=run) for n in range(2)]
    for one in forked:
        one.start()
    plain = supervisor.Child("plain", [sys.executable, "-c", script])
    plain.start()
    print(*(one.pid for one in (*forked, plain)), flush=True)
    time.sleep(60)
"""


def test_children_stop_when_their_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PARENT)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    time.sleep(0.5)
    assert all(is_alive(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert not any(is_alive(pid) for pid in pids)
