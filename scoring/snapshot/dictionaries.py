"""What the codes of text columns mean: per field a list that only grows, so that a code means the same in every segment."""

from collections.abc import Iterable, Sequence

Value = str | tuple[str, ...]
"""A folded text, a choice's key, or the sorted keys of several choices."""

KINDS = "event.kind"  # the dictionary of activity kinds


class Dictionary:
    """Codes from 0 in the order of arrival. An erased value is None: its code stays taken and no row has it."""

    __slots__ = ("_codes", "stored", "values")

    def __init__(self, values: Iterable[Value | None] = ()) -> None:
        self.values: list[Value | None] = list(values)
        self.stored = len(self.values)  # how many are in files already
        self._codes = {value: code for code, value in enumerate(self.values) if value is not None}

    def __len__(self) -> int:
        return len(self.values)

    def find(self, value: Value) -> int | None:
        """The code of a value, None when no row ever had it."""
        return self._codes.get(value)

    def code(self, value: Value) -> int:
        """The code of a value, a new one if need be. For the builder only."""
        found = self._codes.get(value)
        if found is None:
            found = self._codes[value] = len(self.values)
            self.values.append(value)
        return found

    def forget(self, code: int) -> None:
        """Take a value away; the whole dictionary is stored anew."""
        value = self.values[code]
        if value is not None:
            del self._codes[value]
            self.values[code] = None
            self.stored = 0


def plain(values: Sequence[Value | None]) -> list[str | list[str] | None]:
    """Values as JSON holds them."""
    return [list(value) if isinstance(value, tuple) else value for value in values]


def from_plain(values: Iterable[str | list[str] | None]) -> list[Value | None]:
    return [tuple(value) if isinstance(value, list) else value for value in values]
