"""`manage.py portal`: everything on one machine from one command, with its data in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from config import embedded, filling, trial
from handoff import supervisor

LOG_KEPT = 10 * 1024 * 1024


class Command(BaseCommand):
    help = "Run the whole portal: database, web server and worker. Ctrl-C stops it; the data stays."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1", help="address to listen on")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *args: Any, port: int, host: str, no_demo: bool, **options: Any) -> None:
        portal = Portal(host, port, say=self.say)
        with portal.claimed():
            if portal.run(demo=not no_demo):
                raise SystemExit(1)

    def say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()


class Stopped(BaseException):
    """Somebody asked to stop while the portal was still starting."""


class Portal:
    def __init__(self, host: str, port: int, *, say: embedded.Say) -> None:
        self.host = host
        self.port = port
        self.say = say
        self.folder = Path(settings.VAR_DIR)
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host  # noqa: S104
        self.address = f"http://{shown}:{port}"
        self.stop = threading.Event()
        self.starting = True
        self.database: embedded.Server | None = None
        self.children: list[supervisor.Child] = []

    @contextlib.contextmanager
    def claimed(self) -> Any:
        """Holds `portal.lock`, so that a second start in this folder says where the first one is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "portal.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CommandError(f"Accord already runs at {lock.read().strip()}. Stop it there first.") from None
            self._free_port()
            lock.seek(0)
            lock.truncate()
            lock.write(f"{self.address} (process {os.getpid()}, data in {self.folder})\n")
            lock.flush()
            yield

    def _free_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise CommandError(
                    f"Port {self.port} cannot be used ({error.strerror}). Another one: PORT={self.port + 1000} make run"
                ) from None

    def run(self, *, demo: bool) -> int:
        """Until asked to stop; 0 after an orderly stop, 1 when it could not start."""
        # Set by hand: a shell starts background jobs with INT ignored, and Python then leaves it ignored.
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._asked)
        failed = 0
        try:
            self._start(demo)
            self.starting = False
            while not self.stop.wait(0.5):
                for child in self.children:
                    child.supervise()
        except Stopped:
            pass
        except embedded.EmbeddedError as error:
            self.say(str(error))
            failed = 1
        finally:
            self.starting = False
            self._finish()
        return failed

    def _asked(self, number: int, frame: Any) -> None:
        if self.stop.is_set():  # asked twice: no more patience
            for child in self.children:
                child.kill()
        self.stop.set()
        if self.starting:
            self.starting = False
            raise Stopped

    def _start(self, demo: bool) -> None:
        began = time.monotonic()
        if trial.is_trial():
            self.database = embedded.use(self.folder, say=self.say)
        self._forget_half_a_year(demo)
        self._prepare()
        to_fill = demo and not get_user_model().objects.exists()
        if to_fill:
            filling.note(filling.Progress(0, "Beginning"))
        connections.close_all()
        command = [sys.executable, "-m", "gunicorn", "-c", str(settings.BASE_DIR / "config" / "gunicorn.py"), "config.wsgi"]
        bind = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        place = {"BIND": bind, "SITE_URL": os.environ.get("SITE_URL") or self.address, "VAR_DIR": str(self.folder)}
        place["PYTHONPATH"] = str(settings.BASE_DIR)
        web = supervisor.Child("web", command, environment=place, log=self._log("web"))
        work = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]
        worker = supervisor.Child("worker", work, environment=place, log=self._log("worker"))
        self.children = [web]
        web.start()
        if to_fill:
            self._fill()
        # Not before the year is whole: the worker would take the past for the present.
        self.children.append(worker)
        worker.start()
        logins = demo_logins() or self._first_login()
        connections.close_all()
        self._wait_until_healthy()
        self.say(f"\nAccord is ready after {time.monotonic() - began:.0f} s: {self.address}")
        for line in logins:
            self.say(line)
        self.say(
            f"Data and logs: {self.folder} (mail without EMAIL_URL is written to web.log and worker.log). Ctrl-C stops everything."
        )

    def _fill(self) -> None:
        """Write the demonstration year while the web server shows how far it is."""
        self.say(f"Filling the empty database with a demonstration year; {self.address} shows how far it is.")

        def say(share: float, until: str) -> None:
            filling.note(filling.Progress(share, until))
            for child in self.children:
                child.supervise()

        call_command("demo", verbosity=0, say=say)
        filling.end()

    def _forget_half_a_year(self, demo: bool) -> None:
        """Where filling was broken off, the portal's own database is made anew; one that was named is left to its owner."""
        if not filling.mark().exists():
            return
        if demo and self.database is not None:
            self.say("The demonstration year was broken off the last time. It is begun anew.")
            embedded.drop_database(self.folder)
            embedded.ensure_database(self.folder)
        elif demo:
            raise CommandError(
                "Filling the demonstration year was broken off, so only a part of it is in the database. "
                "Empty that database and start again, or keep what is there: manage.py portal --no-demo"
            )
        filling.end()

    def _first_login(self) -> list[str]:
        """How to make the first account where nobody can sign in yet."""
        if get_user_model().objects.filter(is_active=True).exists():
            return []
        place = f"VAR_DIR={shlex.quote(str(self.folder))} " if os.environ.get("VAR_DIR") else ""
        python = os.path.relpath(sys.executable, settings.BASE_DIR)
        return [
            "Nobody can sign in yet. Make the first administrator in another window:",
            f"  cd {shlex.quote(str(settings.BASE_DIR))} && {place}{shlex.quote(python)} manage.py createsuperuser",
        ]

    def _prepare(self) -> None:
        """Schema, roles and static files as the code wants them; each only when something changed."""
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.say("Preparing the database ...")
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        call_command("sync_roles", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115
        newest = max((path.stat().st_mtime_ns for path in Path(settings.BASE_DIR / "static").rglob("*")), default=0)
        stamp, wanted = Path(settings.STATIC_ROOT) / ".made-from", f"{settings.BASE_DIR} {newest}"
        if not stamp.exists() or stamp.read_text() != wanted:
            call_command("collectstatic", verbosity=0, interactive=False, clear=True, skip_checks=True)
            stamp.write_text(wanted)

    def _log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_KEPT:
            path.replace(path.with_suffix(".log.1"))
        path.touch(mode=0o600)
        path.chmod(0o600)  # without EMAIL_URL mail is written here, and with it links that set a password
        return str(path)

    def _wait_until_healthy(self) -> None:
        """Returns when web, database and worker say over HTTP that they are up; tells what is missing when that takes long."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/healthz"
        told = time.monotonic() + 20
        while True:
            down = "the web server does not answer yet"
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                    return
            except urllib.error.HTTPError as error:
                with contextlib.suppress(ValueError):
                    down = "; ".join(json.load(error).get("down", [])) or str(error)
            except OSError:
                pass
            if time.monotonic() > told:
                told = time.monotonic() + 20
                self.say(f"Still waiting: {down}. See {self.folder}/web.log and worker.log.")
            for child in self.children:
                child.supervise()
            time.sleep(0.1)

    def _finish(self) -> None:
        if self.children:
            self.say("\nStopping ...")
        for child, patience in zip(self.children, (25.0, 75.0), strict=False):  # web first: nothing new comes in
            child.ask_to_stop()
            child.finish(patience)
        connections.close_all()
        if self.database is not None:
            self.database.leave()
        if self.children:
            self.say("Stopped. The data is kept.")


def demo_logins() -> list[str]:
    """What a newcomer can sign in with, when the demonstration people are there."""
    from config.demo.cast import ADMINISTRATOR, CAST, PASSWORD, SHOWN

    there = set(get_user_model().objects.filter(email__in=SHOWN, is_active=True).values_list("email", flat=True))
    people = [person for person in (*CAST, ADMINISTRATOR) if person.email in there]
    if not people:
        return []
    return [f"Sign in as (password {PASSWORD}):", *(f"  {person.email:<30} {person.does}" for person in people)]
