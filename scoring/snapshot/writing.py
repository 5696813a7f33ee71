"""Writing the snapshot's files: in threads, with their checksums, forced to disk before they count."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from scoring.snapshot.dictionaries import Dictionary, plain
from scoring.snapshot.files import ALIGNED, CURRENT, LARGE, note_verified
from scoring.snapshot.segment import Array

_FORCED_AT_ONCE = 8
_WRITTEN_AT_ONCE = 2
_Piece = bytes | memoryview


class Writer:
    """Writes the files of one generation, large ones in threads. Nothing of it counts before `publish`."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.number = number
        self._unforced: list[Path] = []
        self._threads = ThreadPoolExecutor(_WRITTEN_AT_ONCE, "snapshot-files")
        self._written: list[Future[None]] = []

    def bytes(self, name: str, data: bytes) -> dict[str, Any]:
        """Store a file; returns its entry for the manifest."""
        entry = {"name": name, "size": len(data)}
        self._write(entry, [data])
        return entry

    def arrays(self, name: str, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Store arrays of one dimension in one file, each beginning at a multiple of `ALIGNED` bytes. Returns its entry for the
        manifest, which has its checksum once `publish` asks for it. The arrays may not change until then.
        """
        places: dict[str, Any] = {}
        pieces: list[_Piece] = []
        offset = 0
        for key, array in arrays.items():
            places[key] = [array.dtype.str, len(array), offset]
            if len(array):
                pieces += [np.ascontiguousarray(array).data.cast("B"), bytes(-array.nbytes % ALIGNED)]
            offset += -(-array.nbytes // ALIGNED) * ALIGNED
        entry = {"name": name, "size": offset or 1, "arrays": places}
        if offset < LARGE:
            self._write(entry, pieces or [b"\0"])
        else:
            self._written.append(self._threads.submit(self._write, entry, pieces))
        return entry

    def _write(self, entry: dict[str, Any], pieces: Sequence[_Piece]) -> None:
        path = self.folder / entry["name"]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = sha256()
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
            file.flush()
            entry["sha256"] = digest.hexdigest()
            if entry["size"] >= LARGE:
                note_verified(entry["name"], os.fstat(file.fileno()), entry["sha256"])
        self._unforced.append(path)

    def finish(self) -> None:
        """Wait until all files are written: their entries are complete then."""
        while self._written:
            self._written.pop().result()
        self._threads.shutdown()

    def dictionary(self, field: str, dictionary: Dictionary, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Store the values that are not in the files `held` yet; returns all files' entries."""
        kept = held if dictionary.stored != 0 else []
        if dictionary.is_stored and kept:
            return kept
        data = json.dumps(plain(dictionary.values[dictionary.stored :]), ensure_ascii=False).encode()
        entry = self.bytes(f"dict/{field}/{self.number:06}.json", data)
        dictionary.note_stored()
        return [*kept, entry]

    def publish(self, manifest: Mapping[str, Any]) -> str:
        """Force everything to disk, then make this the current generation in one step; returns the manifest's checksum.

        To be called after `finish`.
        """
        text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1).encode()
        entry = self.bytes(f"gen/{self.number:06}/manifest.json", text)
        folders = {folder for path in self._unforced for folder in (path.parent, path.parent.parent)}
        with ThreadPoolExecutor(_FORCED_AT_ONCE) as several:  # the disk forces what waits at the same time in one go
            for paths in (self._unforced, folders):
                list(several.map(_force, paths))
        aside = self.folder / f"{CURRENT}.new"
        aside.write_text(f"{self.number} {entry['sha256']}\n")
        _force(aside)
        aside.replace(self.folder / CURRENT)
        _force(self.folder)
        digest: str = entry["sha256"]
        return digest


def _force(path: Path) -> None:
    """Have the file or folder on disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
