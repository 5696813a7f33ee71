"""The real web server on a scratch database, and a small client that keeps its connections."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from config.bench.timing import HEADER, Spent
from scoring.snapshot import files

ROOT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN_S = 60
SNAPSHOT_WITHIN_S = 600


@contextmanager
def serving(
    database_url: str, *, workers: int = 2, threads: int = 4, settings_too: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run gunicorn as in production on `database_url`; yields its port and ends it afterwards."""
    port = free_port()
    environment = {
        "PORT": str(port),
        "BIND": f"127.0.0.1:{port}",
        "WEB_CONCURRENCY": str(workers),
        "WEB_THREADS": str(threads),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DEBUG": "0",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "config.bench.settings",
    }
    command = ["-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
    with running(command, database_url, environment | dict(settings_too or {})) as process:
        _wait_until_up(port, process)
        yield port


@contextmanager
def keeping_snapshot(database_url: str, folder: Path) -> Iterator[None]:
    """Run the worker's part that keeps the snapshot in `folder`; begins once there is one."""
    command = ["manage.py", "worker", "--only", "snapshot"]
    with running(command, database_url, {"SCORING_SNAPSHOT_DIR": str(folder)}) as process:
        until = time.monotonic() + SNAPSHOT_WITHIN_S
        while files.current(folder) is None:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the worker made no snapshot")
            time.sleep(0.2)
        yield


@contextmanager
def running(
    command: list[str], database_url: str, environment: Mapping[str, str], *, patience: float = 20
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of ours as a process of its own, asked to end afterwards and killed after `patience` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", *command],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url, "SECRET_KEY": settings.SECRET_KEY, **environment},
        stdin=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the web server ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the web server did not come up")


class Browser:
    """One kept connection with fixed headers."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.port = port
        self.headers = headers
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.spent: Spent | None = None  # by the last answer; only the pages of the portal tell

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """The status and body of one answer; a connection the server closed between requests is opened anew."""
        for attempt in (1, 2):
            try:
                self.connection.request(method, path, body, self.headers | headers)
                response = self.connection.getresponse()
                told = response.getheader(HEADER)
                self.spent = Spent.of(told) if told else None
                return response.status, response.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.connection.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")


def in_parallel(work: Callable[[int, list[float]], None], clients: int) -> tuple[list[float], float]:
    """Run `work(client number, seconds of each request)` in as many threads; returns all seconds and the wall time."""
    seconds: list[list[float]] = [[] for _ in range(clients)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number, seconds[number])
        except BaseException as error:  # noqa: BLE001 - told to the caller below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [one for client in seconds for one in client], time.perf_counter() - start
