"""The snapshot's files: written aside, forced to disk, named by a manifest with their checksums, and never changed.

CURRENT                      generation number and checksum of its manifest, replaced by rename
LOOKED                       generation number and the marks `mark` and `settled` up to which nothing more was found
gen/<number>/manifest.json   what a generation is made of
gen/<number>/<key>.bin       what may still change in a decided segment, when it did
gen/<number>/<key>.stale.bin rows of open leads that another segment speaks of since
gen/<number>/previews/       what processes told each other of it, see `scoring.preview.sharing`; swept away by the next builder
seg/<key>.bin                a segment, shared by the generations that have it
dict/<field>/<number>.json   values added by a generation, in the order of their codes

A segment's arrays are in one file, as forcing, mapping and removing cost by the file; the manifest says where each begins.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import Any

import numpy as np

from scoring.snapshot.dictionaries import Dictionary, Value, from_plain
from scoring.snapshot.segment import Array

FORMAT = 5
ALIGNED = 64
CURRENT = "CURRENT"
LOOKED = "LOOKED"


class Damaged(Exception):
    """A file of the snapshot is missing or not what was written: the snapshot has to be rebuilt."""


class Busy(Exception):
    """Another process of this host is building."""


@contextmanager
def builders_lock(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Be the one builder of this host; the kernel lets go when the process ends, however it does. Raises `Busy` without `wait`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Busy("another process is building the snapshot") from error
        yield


def is_being_built(folder: Path) -> bool:
    """Whether a process of this host is building now."""
    try:
        with builders_lock(folder, wait=False):
            return False
    except Busy:
        return True


def current(folder: Path) -> tuple[int, str] | None:
    """Number of the current generation and checksum of its manifest; None when there is no snapshot. Raises `Damaged`."""
    try:
        number, digest = (folder / CURRENT).read_text().split()
        return int(number), digest
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Damaged(f"{CURRENT} cannot be read") from error


def note_looked(folder: Path, number: int, mark: str, settled: str) -> None:
    """Note that all that was committed by this mark is in this generation as it is. Lost, it is looked at again."""
    aside = folder / f"{LOOKED}.new"
    aside.write_text(f"{number} {mark} {settled}\n")
    aside.replace(folder / LOOKED)


def looked(folder: Path, number: int) -> tuple[str, str] | None:
    """The marks noted for this generation."""
    try:
        of, mark, settled = (folder / LOOKED).read_text().split()
    except (OSError, ValueError):
        return None
    return (mark, settled) if of == str(number) else None


def read_manifest(folder: Path, number: int, digest: str) -> dict[str, Any]:
    """What a generation is made of. Raises `Damaged`."""
    try:
        data = (folder / f"gen/{number:06}/manifest.json").read_bytes()
    except OSError as error:
        raise Damaged(f"the manifest of generation {number} cannot be read: {error.strerror}") from error
    if sha256(data).hexdigest() != digest:
        raise Damaged(f"the manifest of generation {number} has another checksum")
    manifest: dict[str, Any] = json.loads(data)
    if manifest.get("format") != FORMAT:
        raise Damaged(f"generation {number} has format {manifest.get('format')}, not {FORMAT}")
    return manifest


def entries(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All files of a generation but its manifest."""
    for segment in manifest["segments"]:
        yield segment["file"]
        yield from (segment[name] for name in ("changing", "stale") if name in segment)
    for parts in manifest["dictionaries"].values():
        yield from parts


_verified: set[tuple[str, int, int, str]] = set()
LARGE = 1 << 20  # smaller files are read again rather than believed to be what was just written


def _seen(name: str, state: os.stat_result, digest: str) -> tuple[str, int, int, str]:
    return name, state.st_ino, state.st_mtime_ns, digest


def note_verified(name: str, state: os.stat_result, digest: str) -> None:
    """This file is known to have the checksum it has to have, until somebody writes to it."""
    if len(_verified) > 10_000:
        _verified.clear()
    _verified.add(_seen(name, state, digest))


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file's checksum. Raises `Damaged` naming the first that differs.

    A file whose checksum was right, or that it wrote itself, and that nobody wrote to since is not read again by a process.
    """
    for entry in entries(manifest):
        try:
            with (folder / entry["name"]).open("rb") as file:
                state = os.fstat(file.fileno())
                if _seen(entry["name"], state, entry["sha256"]) in _verified and state.st_size == entry["size"]:
                    continue
                digest = sha256()
                while piece := file.read(1 << 20):
                    digest.update(piece)
        except OSError as error:
            raise Damaged(f"{entry['name']} cannot be read: {error.strerror}") from error
        if digest.hexdigest() != entry["sha256"]:
            raise Damaged(f"{entry['name']} has another checksum")
        note_verified(entry["name"], state, entry["sha256"])


def map_arrays(folder: Path, entry: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a file, mapped into memory and read-only. Raises `Damaged` when it is missing or has another size."""
    try:
        with (folder / entry["name"]).open("rb") as file:
            if os.fstat(file.fileno()).st_size != entry["size"]:
                raise Damaged(f"{entry['name']} has another size")
            mapped = mmap(file.fileno(), 0, access=ACCESS_READ)  # stays as long as an array of it
    except OSError as error:
        raise Damaged(f"{entry['name']} cannot be read: {error.strerror}") from error
    return {
        key: np.frombuffer(mapped, np.dtype(kind), count, offset) if count else np.empty(0, np.dtype(kind))
        for key, (kind, count, offset) in entry["arrays"].items()
    }


def let_go(array: Array) -> None:
    """Have what was read of this array's file leave the process's memory; the system keeps it, and it is there when asked again.

    Nothing for an array that is in no file.
    """
    mapped = getattr(array.base, "obj", None)
    if isinstance(mapped, mmap):
        mapped.madvise(MADV_DONTNEED)


def read_dictionary(
    folder: Path, parts: list[dict[str, Any]], held: tuple[list[dict[str, Any]], Dictionary] | None
) -> Dictionary:
    """The values of a field, checked, made into texts when first asked for. Raises `Damaged`.

    `held` are files that an earlier generation has, too, and their values.
    """
    known: Dictionary | None = None
    if held is not None and held[0] and parts[: len(held[0])] == held[0]:
        known = held[1]
        if len(held[0]) == len(parts):
            return known
    added = [_checked(folder, entry) for entry in (parts if known is None else parts[len(held[0] if held else ()) :])]

    def load() -> list[Value | None]:
        values = [] if known is None else list(known.values)
        for data in added:
            values.extend(from_plain(json.loads(data[:])))
        return values

    return Dictionary(load)


def _checked(folder: Path, entry: Mapping[str, Any]) -> mmap:
    """A file's content, mapped, with the checksum it has to have. Raises `Damaged`."""
    try:
        with (folder / entry["name"]).open("rb") as file:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:
        raise Damaged(f"{entry['name']} cannot be read: {error}") from error
    if sha256(data).hexdigest() != entry["sha256"]:
        raise Damaged(f"{entry['name']} has another checksum")
    return data


def sweep(folder: Path, kept: list[tuple[int, Mapping[str, Any]]]) -> None:
    """Remove every file that none of these generations needs, also what a killed builder left. For the builder only.

    Who has such a file mapped keeps reading it.
    """
    names = {entry["name"] for _, manifest in kept for entry in entries(manifest)}
    names |= {f"gen/{number:06}/manifest.json" for number, _ in kept}
    for top in ("gen", "seg", "dict"):
        for path in sorted((folder / top).rglob("*"), reverse=True):  # a folder comes after what is in it
            if path.is_dir():
                with suppress(OSError):  # not empty
                    path.rmdir()
            elif str(path.relative_to(folder)) not in names:
                path.unlink(missing_ok=True)
    (folder / f"{CURRENT}.new").unlink(missing_ok=True)
