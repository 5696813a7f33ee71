"""Keeping a host's snapshot up to date: each minute, each night, and when a page asks. The files are the host's own, so is this.

Pages and keeper speak through files of the snapshot's folder: a page that needs a generation touches WANTED, the keeper tells
in PROGRESS how far it is. Where no keeper runs on a host, the process that asks builds by itself.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from threading import Thread

from django.db import connection

from leads import clock
from scoring.operators import day_of
from scoring.snapshot import building, files
from scoring.snapshot.files import Busy, Damaged
from scoring.snapshot.reader import Snapshot, current_snapshot, open_snapshot, snapshot_folder

log = logging.getLogger(__name__)

WANTED = "wanted"
PROGRESS = "progress"
KEEPER = "keeper"
EVERY = 60.0  # seconds between two looks for changes
NIGHT = 2  # UTC hour from which open leads are read anew
TOLD_EVERY = 0.3
AT_ONCE = 20_000  # rows up to which a page builds itself instead of waiting


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows of how many are read; both 0 before the first."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of a snapshot now. `damaged`: what is there cannot be used. `building`: somebody is at it, or was asked to be."""

    snapshot: Snapshot | None
    damaged: bool
    building: Progress | None


class Keeper:
    """Does what has to be done, one step at a time; one a host."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or snapshot_folder()
        self._looked_at = -EVERY
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.folder / KEEPER).open("ab")
        self._is_ours = False

    def step(self) -> int:
        """Bring the snapshot up to date if it is time or somebody asked; whether there was something to do."""
        if not self._owns():
            return 0
        asked = (self.folder / WANTED).exists()
        if not asked and time.monotonic() < self._looked_at + EVERY:
            return 0
        self._looked_at = time.monotonic()
        before = _number(self.folder)
        try:
            made = build(self.folder)
        except Busy:
            (self.folder / WANTED).touch()  # what is being built may be older than what was asked for
            return 0
        return int(asked or made.number != before)

    def _owns(self) -> bool:
        """Whether this process is the host's keeper; another one takes over when it dies."""
        if not self._is_ours:
            self._is_ours = _try_lock(self._lock.fileno())
        return self._is_ours


def _try_lock(descriptor: int) -> bool:
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _number(folder: Path) -> int | None:
    try:
        found = files.current(folder)
    except Damaged:
        return None
    return found[0] if found else None


def build(folder: Path) -> Snapshot:
    """Bring the snapshot up to date and tell how far it is; at night with all open leads read anew. Raises `Busy`."""
    (folder / WANTED).unlink(missing_ok=True)  # who asks from now on may mean something newer
    told_at = -TOLD_EVERY

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() >= told_at + TOLD_EVERY:
            told_at = time.monotonic()
            aside = folder / f"{PROGRESS}.new"
            aside.write_text(json.dumps([done, total]))
            aside.replace(folder / PROGRESS)

    run = building.reread_leads if _is_due_for_rereading(folder) else building.refresh
    try:
        return run(folder, wait=False, progress=tell)
    finally:
        (folder / PROGRESS).unlink(missing_ok=True)


def _is_due_for_rereading(folder: Path) -> bool:
    now = clock.now().astimezone(UTC)
    try:
        held = open_snapshot(folder)
    except Damaged:
        return False
    return held is not None and now.hour >= NIGHT and held.leads.base_day < day_of(now)


def ask(folder: Path | None = None) -> None:
    """Have the snapshot brought up to date soon: by this host's keeper or, where none runs, by a thread of this process."""
    folder = folder or snapshot_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / WANTED).touch()
    if not has_keeper(folder):
        Thread(target=_build_alone, args=(folder,), name="snapshot", daemon=True).start()


def has_keeper(folder: Path | None = None) -> bool:
    """Whether a process of this host sees to the snapshot; else who looks at it does."""
    folder = folder or snapshot_folder()
    with (folder / KEEPER).open("ab") as file:
        free = _try_lock(file.fileno())
        if free:
            flock(file.fileno(), LOCK_UN)
        return not free


def _build_alone(folder: Path) -> None:
    try:
        build(folder)
    except Busy:
        log.info("the snapshot is being built already")
    finally:
        connection.close()


def standing(folder: Path | None = None, *, look: Callable[[], Snapshot | None] = current_snapshot) -> Standing:
    """The snapshot as a page may use it, and whether it is being built."""
    folder = folder or snapshot_folder()
    try:
        return Standing(look(), False, _progress(folder))
    except Damaged as problem:
        log.warning("the snapshot cannot be used: %s", problem)
        return Standing(None, True, _progress(folder))


def _progress(folder: Path) -> Progress | None:
    if not files.is_being_built(folder):
        return Progress() if (folder / WANTED).exists() else None
    try:
        done, total = json.loads((folder / PROGRESS).read_text())
    except (FileNotFoundError, ValueError):
        return Progress()
    return Progress(done, total)


def built_at_once() -> Snapshot | None:
    """The snapshot, built or brought up to date before answering where that takes a moment only; else None, and it was asked for."""
    from leads.models import Case, Lead

    rows = sum(some.objects.order_by().values("pk")[: AT_ONCE + 1].count() for some in (Lead, Case))
    if rows <= AT_ONCE:
        building.refresh()
        return current_snapshot()
    ask()
    return None
