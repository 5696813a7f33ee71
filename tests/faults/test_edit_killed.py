"""Web processes and the database killed while people edit a draft: what was answered is there, nothing is half there."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from config import embedded
from config.bench.server import serving
from scoring.actions.versions import create_model
from scoring.models import DraftEvent
from tests.faults.test_activation_killed import start
from tests.importing.test_kill import address, wait_for

pytestmark = pytest.mark.faults
TOKEN = "b" * 32
EDITORS = 3
GONE = (ConnectionError, http.client.HTTPException, TimeoutError)
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("sync_roles", verbosity=0)
from django.conf import settings
from django.test import Client
from scoring.actions.versions import create_model
from tests.builders import Builders
user = Builders().user("ed@accord.test", "Ed Itor", "marketing")
client = Client()
client.force_login(user)
draft = create_model("Main", actor=user, start="fit_engagement")
keys = list(draft.criteria.values_list("key", flat=True))
print(draft.pk, client.cookies[settings.SESSION_COOKIE_NAME].value, *keys[:3], flush=True)
"""
TELL = """
import json
import django
django.setup()
from scoring.models import Criterion, DraftEvent, ModelVersion
draft = ModelVersion.objects.get(pk={draft})
events = list(DraftEvent.objects.filter(version=draft).order_by("rev").values_list("rev", "target", "after"))
print(json.dumps([draft.rev, events, list(draft.criteria.values_list("key", "points"))]), flush=True)
"""


class Editor(threading.Thread):
    """Gives one criterion other points as fast as it is answered; who gets no answer looks at the page again and goes on."""

    def __init__(self, port: int, session: str, draft: int, key: str, over: threading.Event) -> None:
        super().__init__()
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
        self.headers = {"Cookie": cookie, "HX-Request": "true", "X-CSRFToken": TOKEN}
        self.headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.page, self.key, self.over = f"/criteria/drafts/{draft}/", key, over
        self.answered: list[tuple[int, int]] = []  # revision and points the answer spoke of
        self.cut_off = 0  # how often no answer came, or a conflict with an edit whose answer did not
        self.wrong: list[str] = []

    def run(self) -> None:
        rev, points = 1, 0
        while not self.over.is_set():
            points = points % 90 + 1
            body = urlencode({"points": points, "rev": rev}).encode()
            try:
                self.connection.request("POST", f"{self.page}criteria/{self.key}/points/", body, self.headers)
                response = self.connection.getresponse()
                status, answer = response.status, response.read()
            except GONE:
                self.cut_off += 1
                self.connection.close()
                time.sleep(0.05)
                continue
            stored = re.search(rb'name="rev" value="(\d+)"', answer)
            if status == 200 and stored:
                rev = int(stored[1])
                self.answered.append((rev, points))
            elif status == 409:  # an edit whose answer was lost has been made after all
                self.cut_off += 1
                rev = int(stored[1]) if stored else rev + 1
            elif status in (500, 503):
                self.cut_off += 1
                time.sleep(0.05)
            else:
                self.wrong.append(f"{status} {answer[:200]!r}")
                return


def edit_while(port, session, draft, keys, kill, times):
    """Edits by several people while `kill()` is called so many times; the editors, done."""
    over = threading.Event()
    editors = [Editor(port, session, draft, key, over) for key in keys]
    for editor in editors:
        editor.start()

    def until_each_edited(more):
        enough = {editor: len(editor.answered) + more for editor in editors}
        wait_for(lambda: all(len(editor.answered) >= number or editor.wrong for editor, number in enough.items()), 60)

    try:
        for _ in range(times):
            until_each_edited(3)
            kill()
        until_each_edited(3)
    finally:
        over.set()
        for editor in editors:
            editor.join(60)
    assert [editor.wrong for editor in editors] == [[]] * len(editors)
    return editors


def check(rev, events, points, editors):
    """Every answered edit is in the log at its revision; every logged one is whole: one revision each, and the last is what stands."""
    assert [event[0] for event in events] == list(range(2, rev + 1)), "an edit without a revision of its own"
    logged = {number: (part, after["points"]) for number, part, after in events}
    for editor in editors:
        for number, wanted in editor.answered:
            assert logged[number] == (editor.key, wanted), "an edit that was answered is not there"
        last = max(number for number, (part, _) in logged.items() if part == editor.key)
        assert points[editor.key] == logged[last][1]
    unanswered = len(events) - sum(len(editor.answered) for editor in editors)
    assert 0 <= unanswered <= sum(editor.cut_off for editor in editors)
    assert any(editor.cut_off for editor in editors), "nobody noticed the kill"


def children(of):
    told = subprocess.run(["pgrep", "-P", str(of)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in told.stdout.split()]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:  # it is over
        return ""


def test_web_processes_killed_under_editors_lose_nothing_that_was_answered(transactional_db, make):
    user = make.user("ed@accord.test", "Ed Itor", "marketing")
    client = Client()
    client.force_login(user)
    draft = create_model("Main", actor=user, start="fit_engagement")
    keys = list(draft.criteria.values_list("key", flat=True))[:EDITORS]

    def kill_all():
        (master,) = [pid for pid in children(os.getpid()) if "gunicorn" in command(pid)]
        for pid in children(master):
            os.kill(pid, signal.SIGKILL)

    with serving(address()) as port:
        editors = edit_while(port, client.cookies[settings.SESSION_COOKIE_NAME].value, draft.pk, keys, kill_all, 4)
    draft.refresh_from_db()
    events = list(DraftEvent.objects.filter(version=draft).order_by("rev").values_list("rev", "target", "after"))
    check(draft.rev, events, dict(draft.criteria.values_list("key", "points")), editors)


def test_a_database_killed_under_editors_loses_nothing_that_was_answered(tmp_path):
    folder = tmp_path / "own"
    servers = [embedded.use(folder, say=lambda words: None)]
    try:
        embedded.ensure_database(folder)
        place = {"DATABASE_URL": embedded.url(folder)}
        draft, session, *keys = start(PREPARE, **place).communicate(timeout=120)[0].splitlines()[-1].split()

        def kill_it():
            pid = embedded.running_pid(servers[-1].data)
            os.kill(pid, signal.SIGKILL)
            servers.append(embedded.use(folder, say=lambda words: None))

        with serving(place["DATABASE_URL"]) as port:
            editors = edit_while(port, session, int(draft), keys, kill_it, 2)
        told = start(TELL.format(draft=draft), **place).communicate(timeout=60)[0]
        rev, events, points = json.loads(told.splitlines()[-1])
        check(rev, events, dict(points), editors)
    finally:
        for server in reversed(servers):
            server.leave()
