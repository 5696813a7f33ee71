"""From raw values, as the database sends them, to a column's numbers, by the same readers as the reference evaluator's.

Few values are different ones, so each is read once and then found by its raw text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from leads.choices import FieldType
from leads.lib.folding import fold
from scoring.operators import READERS
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.segment import CODED, UNKNOWN_CODE, UNKNOWN_DAY, Array, narrow

_TYPES: Mapping[FieldType, Any] = {FieldType.NUMBER: np.float64, FieldType.BOOLEAN: np.int8}


def _read_text(fact: object) -> str | None:
    """Like the reader of texts, but for what that one remembers: each different text comes here once."""
    return (fold(fact) or None) if isinstance(fact, str) else None


def _from_json(raw: str) -> object:
    """A fact from its JSON; text without escapes is what stands between the quotes."""
    return raw[1:-1] if raw[0] == '"' and "\\" not in raw else json.loads(raw)


class Coder(dict[str, Any]):
    """From raw text to a column's number; each different text is read once. The empty text is unknown.

    Raw values are the facts' JSON or, with `as_json` off, the texts themselves. `plain` is a coder of the same field for texts
    themselves, which then knows them already.
    """

    def __init__(self, kind: FieldType, dictionary: Dictionary, *, as_json: bool, plain: "Coder | None" = None) -> None:
        super().__init__()
        self.kind = kind
        self._read = _read_text if kind == FieldType.TEXT else READERS[kind]
        self._number = _numbering(kind, dictionary)
        self._parse: Callable[[str], object] = _from_json if as_json else str
        self._plain = plain
        self.unknown = self._number(None)
        self._type = _TYPES.get(kind, np.int32)

    def __missing__(self, raw: str) -> Any:
        fact = self._parse(raw) if raw else None
        shared = self._plain is not None and isinstance(fact, str)
        number = self[raw] = self._plain[fact] if shared else self._number(self._read(fact))  # type: ignore[index]
        return number

    def column(self, raw: Sequence[str]) -> Array:
        """The column of these raw values."""
        found = np.fromiter(map(self.__getitem__, raw), self._type, len(raw))
        return narrow(found) if self.kind in CODED else found

    def parted(self, packed: str | None, separator: str, count: int) -> Array:
        """The column of `count` raw values that are parted by `separator`."""
        if not packed or len(packed) == count - 1 == packed.count(separator):
            return np.full(count, self.unknown, np.int8 if self.kind in CODED else self._type)
        return self.column(packed.split(separator))


def _numbering(kind: FieldType, dictionary: Dictionary) -> Callable[[Any], Any]:
    """What stands in a column for a value that was read; None is unknown."""
    match kind:
        case FieldType.NUMBER:
            return lambda value: nan if value is None else value
        case FieldType.BOOLEAN:
            return lambda value: -1 if value is None else int(value)
        case FieldType.DATE:
            return lambda value: UNKNOWN_DAY if value is None else value
        case FieldType.MULTI:
            return lambda value: UNKNOWN_CODE if value is None else dictionary.code(tuple(sorted(value)))
    return lambda value: UNKNOWN_CODE if value is None else dictionary.code(value)


def coders(
    fields: Mapping[str, FieldType],
    dictionaries: dict[str, Dictionary],
    *,
    as_json: bool,
    plain: Mapping[str, Coder] | None = None,
) -> dict[str, Coder]:
    """A coder for each field; `plain` are those that read texts themselves. Fields with codes get a dictionary."""
    found = {}
    for key, kind in fields.items():
        dictionary = dictionaries.setdefault(key, Dictionary()) if kind in CODED else Dictionary()
        beside = (plain or {}).get(key) if kind in (FieldType.TEXT, FieldType.CHOICE) else None
        found[key] = Coder(kind, dictionary, as_json=as_json, plain=beside)
    return found
