"""What the codes of text columns mean: per field a list that only grows, so that a code means the same in every segment."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

Value = str | tuple[str, ...]
"""A folded text, a choice's key, or the sorted keys of several choices."""

KINDS = "event.kind"  # the dictionary of activity kinds


_FEW = 8


class Dictionary:
    """Codes from 0 in the order of arrival. An erased value is None: its code stays taken and no row has it.

    Given a function instead of values, it is asked when somebody wants to know one: most readers ask few fields.
    """

    __slots__ = ("_codes", "_load", "_values", "stored")

    def __init__(self, values: Iterable[Value | None] | Callable[[], list[Value | None]] = ()) -> None:
        self._load = values if callable(values) else None
        self._values: list[Value | None] | None = None if callable(values) else list(values)
        self._codes: dict[Value, int] | None = None
        self.stored: int | None = None if callable(values) else len(self.values)  # how many are in files already, None: all

    @property
    def values(self) -> list[Value | None]:
        load = self._load  # before looking: another thread sets it to None once the values are there
        if self._values is None:
            assert load is not None
            self._values = load()
            self._load = None
        return self._values

    def _by_value(self) -> dict[Value, int]:
        if self._codes is None:
            self._codes = {value: code for code, value in enumerate(self.values) if value is not None}
        return self._codes

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_stored(self) -> bool:
        """Whether all values are in files."""
        return self.stored is None or self.stored == len(self)

    def note_stored(self) -> None:
        self.stored = len(self)

    def copy(self) -> "Dictionary":
        """One of its own with the values of now, all of them in files."""
        return Dictionary(self.values)

    def find(self, value: Value) -> int | None:
        """The code of a value, None when no row ever had it."""
        return self._by_value().get(value)

    def find_all(self, values: Sequence[Value]) -> list[int]:
        """The codes of those of these values that a row ever had."""
        if self._codes is None and len(values) <= _FEW:  # to look through all of them is cheaper than to learn them
            return [self.values.index(value) for value in values if value in self.values]
        codes = self._by_value()
        return [codes[value] for value in values if value in codes]

    def code(self, value: Value) -> int:
        """The code of a value, a new one if need be. For the builder only."""
        return self.codes([value])[0]

    def codes(self, values: Sequence[Value]) -> list[int]:
        """The codes of these values, new ones where need be. For the builder only."""
        codes = self._by_value()
        found = list(map(codes.get, values))
        if None in found:
            if self.stored is None:
                self.note_stored()
            new = dict.fromkeys(value for value, code in zip(values, found, strict=True) if code is None)
            codes.update(zip(new, count(len(self.values))))
            self.values.extend(new)
            found = [codes[value] if code is None else code for value, code in zip(values, found, strict=True)]
        return found  # type: ignore[return-value]

    def forget(self, code: int) -> None:
        """Take a value away; the whole dictionary is stored anew."""
        value = self.values[code]
        if value is not None:
            del self._by_value()[value]
            self.values[code] = None
            self.stored = 0


def plain(values: Sequence[Value | None]) -> list[str | list[str] | None]:
    """Values as JSON holds them."""
    return [list(value) if isinstance(value, tuple) else value for value in values]


def from_plain(values: list[Any]) -> list[Value | None]:
    if list not in set(map(type, values)):
        return values
    return [tuple(value) if isinstance(value, list) else value for value in values]
