"""`manage.py portal` as people use it: real processes from start to stop, and what a kill leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config import embedded

pytestmark = [pytest.mark.slow, pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
OURS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "SECRET_KEY", "VAR_DIR", "EMAIL_URL", "SITE_URL", "LOG_LEVEL", "PORT")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Portal:
    def __init__(self, folder, port=None, demo=False, **more):
        self.folder, self.port = folder, port or free_port()
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "portal", *([] if demo else ["--no-demo"]), "--port", str(self.port)],
            cwd=ROOT, env=environment | {"VAR_DIR": str(folder)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more,
        )  # fmt: skip
        self.said = ""

    def until(self, word):
        """Reads what it says until `word` or its end."""
        for line in self.process.stdout:
            self.said += line
            if word in line:
                return self
        return self

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def page(self):
        """Status and text of the start page; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def tree(self):
        """Everything that was started for it: those that work in its folder or name it."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                mine = f"VAR_DIR={self.folder}\0".encode() in (place / "environ").read_bytes()
            except OSError:
                continue
            if mine and int(place.name) != self.process.pid:
                found.append(int(place.name))
        return found

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=150)[0]
        return self.process.returncode


@pytest.fixture(scope="module")
def folder():
    made = Path(tempfile.mkdtemp(prefix="accord-portal-"))
    made.chmod(0o755)
    yield made
    pid = embedded.running_pid(made / "pg")
    if pid:
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(made, ignore_errors=True)


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_day_in_the_life_of_a_portal(folder):
    """Start, a second start, Ctrl-C; the data and the secret are there again; kill -9; and the next start is as good as ever."""
    portal = Portal(folder).until("Data and logs")
    assert f"http://localhost:{portal.port}" in portal.said
    assert re.search(r"Nobody can sign in yet.*\n  cd .* VAR_DIR=.* manage\.py createsuperuser\n", portal.said)
    assert {log.stat().st_mode & 0o777 for log in (folder / "web.log", folder / "worker.log")} == {0o600}
    assert portal.health() == (200, {"ok": True, "web": "up", "database": "up", "worker": "up", "down": []})
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    secret = (folder / "secret_key").read_text()

    second = Portal(folder)
    second.until("nothing")
    assert second.process.wait(60) == 1
    assert f"already runs at http://localhost:{portal.port}" in second.said
    assert portal.health()[0] == 200

    assert portal.stop(signal.SIGINT) == 0
    assert "Stopped. The data is kept." in portal.said
    assert portal.tree() == []
    assert embedded.running_pid(folder / "pg") is None

    again = Portal(folder, port=portal.port).until("is ready")
    assert again.health()[0] == 200
    assert (folder / "secret_key").read_text() == secret
    again.process.kill()
    again.process.communicate()
    wait_until(lambda: again.tree() == [], 90)  # nobody outlives it for long

    heir = Portal(folder).until("is ready")
    assert heir.health()[0] == 200
    assert heir.stop(signal.SIGTERM) == 0
    assert embedded.running_pid(folder / "pg") is None


def test_ctrl_c_works_where_a_shell_started_it_with_int_ignored(folder):
    portal = Portal(folder, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)).until("is ready")
    assert portal.stop(signal.SIGINT) == 0
    assert portal.tree() == []


def test_a_taken_port_is_named_with_a_way_out(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        portal = Portal(folder, port=port).until("nothing")
    assert portal.process.wait(60) == 1
    assert f"Port {port} cannot be used" in portal.said
    assert "PORT=" in portal.said


def test_a_part_that_is_killed_is_started_again(folder):
    portal = Portal(folder).until("is ready")
    try:
        victims = [pid for pid in portal.tree() if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(min(victims), signal.SIGKILL)
        time.sleep(1)

        def is_back():
            try:
                return portal.health()[0] == 200
            except OSError:
                return False

        wait_until(is_back, 60)
        assert portal.process.poll() is None
    finally:
        assert portal.stop() == 0


def test_the_first_start_shows_how_far_it_is_and_begins_anew_when_broken_off(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    for said in ("Filling the empty database", "was broken off the last time. It is begun anew."):
        portal = Portal(folder, demo=True).until("shows how far it is")
        assert said in portal.said
        wait_until(lambda portal=portal: re.search(r"[A-Z][a-z]+ \d{4} · [1-9]\d* %", portal.page()[1]), 90)
        status, page = portal.page()
        assert status == 503
        assert "Preparing the demonstration" in page
        assert 'http-equiv="refresh"' in page
        down = portal.health()[1]["down"]  # no worker yet: it would take the past for the present
        assert down
        assert "worker: sweeper has never been seen" in down
        assert portal.stop(signal.SIGINT) == 0
        assert portal.tree() == []

    kept = Portal(folder).until("is ready")  # --no-demo: what is there is kept
    assert kept.page()[0] == 200
    assert "begun anew" not in kept.said
    assert kept.stop() == 0
    assert not (folder / "filling.json").exists()
