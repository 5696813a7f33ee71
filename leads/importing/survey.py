"""The first pass over a whole file: that it can be read to its end, how many rows it has, and every value of its lists."""

from collections.abc import Iterator
from typing import Any

from leads.choices import FieldType
from leads.importing.actions import layout_of, opened
from leads.importing.mapping import FileMapping
from leads.importing.reader import Row, rows
from leads.importing.values import EMPTY, split_multi
from leads.models import ImportRun, LeadField

PIECE = 20_000
MAX_CHOICES = 500
LONGEST_CHOICE = 120


class Survey:
    """Reads piece by piece; `result` is complete when `step` answered False."""

    def __init__(self, run: ImportRun) -> None:
        mapping = FileMapping.from_json(run.mapping)
        self._lists = {
            index: goes.new.type == FieldType.MULTI
            for index, goes in enumerate(mapping.goes)
            if goes.target == "new" and goes.new and goes.new.type in (FieldType.CHOICE, FieldType.MULTI)
        }
        self._new = frozenset(self._lists)
        types = dict(LeadField.objects.values_list("key", "type"))
        for index, goes in enumerate(mapping.goes):
            if goes.extend and goes.target.startswith("custom."):
                self._lists[index] = types.get(goes.target.removeprefix("custom.")) == FieldType.MULTI
        self._values: dict[int, dict[str, None]] = {index: {} for index in self._lists}
        self._too_long: set[int] = set()
        self._opened = opened(run)
        self._rows: Iterator[Row] = rows(self._opened.__enter__(), layout_of(run))
        self.count = 0

    def step(self) -> bool:
        for _ in range(PIECE):
            row = next(self._rows, None)
            if row is None:
                return False
            self.count += 1
            for index, several in self._lists.items():
                seen = self._values[index]
                cell = row.cells[index].strip()
                if not cell or cell in seen or cell.casefold() in EMPTY or len(seen) > MAX_CHOICES:
                    continue
                for part in split_multi(cell) if several else (cell,):
                    if len(part) <= LONGEST_CHOICE:
                        seen.setdefault(part)
                    else:
                        self._too_long.add(index)
        return True

    @property
    def result(self) -> dict[str, Any]:
        """`rows`, and `choices` by column; None where a new list would be too long or have a value that is: it becomes text."""
        none = {index for index, seen in self._values.items() if len(seen) > MAX_CHOICES} | (self._too_long & self._new)
        choices = {str(index): None if index in none else sorted(seen, key=str.casefold) for index, seen in self._values.items()}
        return {"rows": self.count, "choices": choices}

    def close(self) -> None:
        self._opened.__exit__(None, None, None)
