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
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

PIPE = "ACCORD_PARENT"  # the environment variable that names the pipe's end in a child
LONGEST_PAUSE = 60.0
EMPTY_AFTER = 5.0  # seconds a killed group has to be gone
STEADY = 120.0  # seconds a child has to live for its next pause to start from nothing

logger = logging.getLogger("accord.supervisor")


class Child:
    """One supervised program: started by `command`, the first time by a fork that runs `forked` when that is given.

    A fork shares what the parent has loaded, which saves seconds and memory. It is only safe while the parent has no threads
    and no connections, so whoever gives `forked` starts its children first of all; a restart always runs `command`.
    """

    _ours: ClassVar[set[int]] = set()  # our ends of all children's pipes

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: str | None = None,
        forked: Callable[[], None] | None = None,
        before_restart: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment or {})
        self.log = log
        self.forked = forked
        self.before_restart = before_restart
        self.pid: int | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._asked = 0
        self._pause = 0.0
        self._started = 0.0
        self._next_start = 0.0

    def start(self) -> None:
        theirs, self._pipe = os.pipe()
        self._ours.add(self._pipe)
        try:
            if self.forked is not None:
                self.pid, self.forked = self._fork(theirs, self.forked), None
            else:
                self.pid = self._run(theirs)
        finally:
            os.close(theirs)
        self._started = time.monotonic()

    def _run(self, pipe: int) -> int:
        with open(self.log, "ab") if self.log else contextlib.nullcontext() as output:
            self._popen = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment, PIPE: str(pipe)},
                pass_fds=(pipe,), stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0,
            )  # fmt: skip
        return self._popen.pid

    def _fork(self, pipe: int, run: Callable[[], None]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.setpgid(0, 0)
            for end in self._ours:  # held open here, they would hide the parent's death from the others
                os.close(end)
            os.environ[PIPE] = str(os.dup(pipe))
            run()
            code = 0
        except BaseException:  # whatever it is, a fork must not go on as a second parent
            logger.exception("%s failed", self.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def supervise(self) -> bool:
        """To be called often: notices the end of the child and starts it again when its pause is over; whether it did just now."""
        if self.pid is not None and self._has_ended(self.pid):
            code = self._bury(self.pid)
            now = time.monotonic()
            if now - self._started > STEADY:
                self._pause = 0.0
            self._next_start = now + self._pause
            logger.error("%s ended with code %s, starting it again in %.0f s", self.name, code, self._pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or 1.0)
        if self.pid is None and time.monotonic() >= self._next_start:
            if self.before_restart is not None:
                self.before_restart()
            self.start()
            return True
        return False

    @staticmethod
    def _has_ended(pid: int) -> bool:
        """Looks without reaping, so that its number, and with it the group's, cannot be somebody else's yet."""
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _bury(self, pid: int) -> int:
        """Leaves nobody of the group; returns the exit code, negative for a signal."""
        self.kill()
        end = time.monotonic() + EMPTY_AFTER
        while members(pid) and time.monotonic() < end:
            time.sleep(0.02)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if self._popen is not None:
            self._popen.returncode, self._popen = code, None
        os.close(self._pipe)
        self._ours.discard(self._pipe)
        self.pid, self._pipe = None, -1
        return code

    def kill(self) -> None:
        """Ends the whole group at once."""
        if self.pid is not None:
            for target in (os.killpg, os.kill):  # the group may not be there yet
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    target(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kills the child and its group, and waits until they are gone. It is not started again by itself."""
        if self.pid is not None:
            self.kill()
            self._bury(self.pid)

    def ask_to_stop(self) -> None:
        """SIGTERM, once and to the main process alone: it knows how to stop its own children."""
        if self.pid is not None and self._asked != self.pid and not self._has_ended(self.pid):
            self._asked = self.pid
            os.kill(self.pid, signal.SIGTERM)

    def finish(self, patience: float) -> None:
        """Waits until the asked child has stopped, kills it after `patience` seconds, and leaves nobody of its group."""
        if self.pid is None:
            return
        end = time.monotonic() + patience
        while not self._has_ended(self.pid):
            if time.monotonic() > end:
                logger.error("%s did not stop in %.0f s and was killed", self.name, patience)
                break
            time.sleep(0.02)
        self._bury(self.pid)


def members(pgid: int) -> list[int]:
    """The processes of a group that live; those that only wait for somebody to notice their end do not. Empty without /proc."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = place.read_text().rpartition(")")[2].split()[:3]
            if int(group) == pgid and state not in "ZX":
                found.append(int(place.parent.name))
    return found


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
