"""Computed columns kept per process: least recently used leave first, once they are over the limit of bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Generic, Protocol, TypeVar, cast

from django.conf import settings

Key = tuple[str, int | None, str]
"""Segment, as-of day where the column moves with time in an open segment, fingerprint."""


class Kept(Protocol):
    """What is kept: an array, or some that belong together. Nobody writes to it, as others read it too."""

    @property
    def nbytes(self) -> int: ...


K = TypeVar("K", bound=Kept)
V = TypeVar("V")


@dataclass(frozen=True, eq=False, slots=True)
class Small(Generic[V]):
    """A value of no great size that is kept beside the columns it was made from."""

    value: V
    nbytes: int = 1_000


class ColumnCache:
    """Columns by key, at most `limit` bytes of them. Safe between threads; two may compute the same column at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, compute: Callable[[], K]) -> K:
        """What is kept under `key`, computed if need be."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return cast(K, found)  # a fingerprint always names the same kind of thing
        made = compute()
        with self._lock:
            if made.nbytes <= self.limit and key not in self._kept:
                self._kept[key] = made
                self.bytes += made.nbytes
                while self.bytes > self.limit:
                    self.bytes -= self._kept.popitem(last=False)[1].nbytes
        return made

    def keep_only(self, segments: set[str]) -> None:
        """Drop the columns of all other segments: nobody will ask for them again."""
        with self._lock:
            for key in [key for key in self._kept if key[0] not in segments]:
                self.bytes -= self._kept.pop(key).nbytes


@lru_cache(maxsize=1)
def column_cache() -> ColumnCache:
    """This process's cache, of `SCORING_CACHE_MB` megabytes."""
    megabytes: int = settings.SCORING_CACHE_MB
    return ColumnCache(megabytes * 2**20)
