"""Keeps child processes running, each in a process group of its own, and ends them with their groups.

A child that ends, with whatever code, has failed: what is left of its group is killed, then it is started again after 0, 1, 2, 4
.. 60 s. A child learns that its parent is gone from a pipe: end of file means stop, so this also works after kill -9.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

PIPE = "ACCORD_PARENT"  # the environment variable that names the pipe's end in a child
LONGEST_PAUSE = 60.0
SHAKY = 5  # restarts in ten minutes before a child counts as shaky

logger = logging.getLogger("accord.supervisor")


class Child:
    """One supervised program."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: str | None = None,
        before_restart: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment or {})
        self.log = log
        self.before_restart = before_restart
        self.process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._pause = 0.0
        self._started = 0.0
        self._next_start = 0.0
        self._restarts: deque[float] = deque(maxlen=SHAKY + 1)

    def start(self) -> None:
        theirs, self._pipe = os.pipe()
        output = open(self.log, "ab") if self.log else None  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment, PIPE: str(theirs)},
                pass_fds=(theirs,), stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0,
            )  # fmt: skip
        finally:
            os.close(theirs)
            if output:
                output.close()
        self._started = time.monotonic()

    def supervise(self) -> None:
        """To be called often: notices the end of the child and starts it again when its pause is over."""
        if self.process is not None and self._has_ended(self.process):
            self._bury(self.process)
        if self.process is None and time.monotonic() >= self._next_start:
            if self.before_restart is not None:
                self.before_restart()
            self.start()

    @property
    def is_shaky(self) -> bool:
        """Restarted more than five times within ten minutes."""
        return len(self._restarts) > SHAKY and time.monotonic() - self._restarts[0] < 600

    @staticmethod
    def _has_ended(process: subprocess.Popen[bytes]) -> bool:
        """Looks without reaping, so that its number, and with it the group's, cannot be somebody else's yet."""
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self._kill_group(process)
        code = process.wait()
        os.close(self._pipe)
        self.process, self._pipe = None, -1
        now = time.monotonic()
        if now - self._started > 120:
            self._pause = 0.0
        self._next_start = now + self._pause
        self._restarts.append(now)
        logger.error("%s ended with code %s, starting it again in %.0f s", self.name, code, self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 1.0)

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """SIGTERM to the main process alone: it knows how to stop its own children."""
        if self.process is not None and not self._has_ended(self.process):
            self.process.terminate()

    def kill(self) -> None:
        """Ends the whole group at once."""
        if self.process is not None:
            self._kill_group(self.process)

    def finish(self, patience: float) -> None:
        """Waits until the asked child has stopped, kills it after `patience` seconds, and leaves nobody of its group."""
        if self.process is None:
            return
        end = time.monotonic() + patience
        while not self._has_ended(self.process):
            if time.monotonic() > end:
                logger.error("%s did not stop in %.0f s and was killed", self.name, patience)
                break
            time.sleep(0.02)
        self._kill_group(self.process)
        self.process.wait()
        os.close(self._pipe)
        self.process, self._pipe = None, -1


def stop_all(children: Iterable[Child], patience: float) -> None:
    """Asks all at once and waits for each, for `patience` seconds together."""
    asked = list(children)
    for child in asked:
        child.ask_to_stop()
    end = time.monotonic() + patience
    for child in asked:
        child.finish(max(0.0, end - time.monotonic()))


def stop_with_parent() -> None:
    """In a child: SIGTERM to ourselves as soon as the parent's end of the pipe is closed. Without a pipe nothing happens."""
    named = os.environ.pop(PIPE, "")
    if not named:
        return
    pipe = int(named)
    os.set_inheritable(pipe, False)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)  # to the main thread, whose sleep it ends

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
