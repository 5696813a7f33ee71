"""From raw texts, as the database sends them, to columns of numbers, by the same readers as the reference evaluator's.

Few values are different ones, so each is read once and then found by its raw text. Fields of few values travel as one text a
row: their combinations are few as well, and a row is looked up once instead of once a field.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import nan
from typing import Any, cast

import numpy as np

from leads.choices import FieldType
from leads.lib.folding import fold_all
from scoring.operators import READERS
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.segment import CODED, UNKNOWN_CODE, UNKNOWN_DAY, Array, narrow

ROW = "\x1f"  # parts the texts of rows
PART = "\x1e"  # parts the texts of a row's fields
_TYPES: Mapping[FieldType, Any] = {FieldType.NUMBER: np.float64, FieldType.BOOLEAN: np.int8}
_TEXTS = frozenset({FieldType.TEXT, FieldType.CHOICE, FieldType.DATE})
_LIKE_JSON = re.compile(r"[-0-9\[{]|true$|false$")
_FEW = 60  # values of a field up to which it travels with others ...
_COMBINED = 5000  # ... while there may be no more combinations than that


class Ambiguous(ValueError):
    """A text of one of these fields cannot be told from another value, or from what parts texts: to be asked for with care."""

    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__(", ".join(keys))
        self.keys = frozenset(keys)


def _from_json(raw: str) -> object:
    return json.loads(raw) if raw else None


def _may_be_json(text: str) -> bool:
    """Whether a fact as text may have been something else than a text. What is quoted was one, and null is no fact."""
    if not _LIKE_JSON.match(text):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class Coder(dict[str, Any]):
    """From raw text to a column's number; each different text is read once. The empty text is unknown.

    Raw are texts as columns have them or, with `of_facts`, facts: texts, choices and dates as they are, all else as JSON. With
    `careful` all facts are JSON, and texts without what parts them: that takes the server longer. `plain` is a coder of the same
    field for texts of columns, which facts are looked up with.
    """

    def __init__(
        self, key: str, kind: FieldType, dictionary: Dictionary, *, of_facts: bool, careful: bool, plain: "Coder | None"
    ) -> None:
        super().__init__()
        self.key = key
        self.kind = kind
        self.careful = careful
        self.of_facts = of_facts
        self.as_json = of_facts and (careful or kind not in _TEXTS)
        self._plain = plain if kind == FieldType.TEXT and not self.as_json else None
        self._dictionary = dictionary
        self._number = _numbering(kind, dictionary)
        self.unknown = self._number(None)
        self.type = _TYPES.get(kind, np.int32)

    def __missing__(self, raw: str) -> Any:
        number = self[raw] = self._read_all([raw])[0]
        return number

    def numbers(self, raw: Sequence[str]) -> Array:
        """The number of each of these texts. New ones are read all at once: of names and addresses most are."""
        found = list(map(self.get, raw))
        if None in found:
            new = list(dict.fromkeys(text for text, number in zip(raw, found, strict=True) if number is None))
            self.update(zip(new, self._read_all(new), strict=True))
            found = [self[text] if number is None else number for text, number in zip(raw, found, strict=True)]
        return np.array(found, self.type)

    def _read_all(self, new: Sequence[str]) -> Sequence[Any]:
        if self.as_json:
            return [self._number(READERS[self.kind](_from_json(text))) for text in new]
        if self.of_facts and any(map(_may_be_json, new)):
            raise Ambiguous([self.key])
        if self._plain is not None:
            return cast("list[int]", self._plain.numbers(new).tolist())
        if self.kind != FieldType.TEXT:
            return [self._number(READERS[self.kind](text or None)) for text in new]
        folded = fold_all(new)
        codes = iter(self._dictionary.codes([text for text in folded if text]))
        return [next(codes) if text else UNKNOWN_CODE for text in folded]

    def column(self, numbers: Array) -> Array:
        """The column of these numbers."""
        return narrow(numbers) if self.kind in CODED else numbers


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
    of_facts: bool,
    careful: Collection[str] = (),
    plain: Mapping[str, Coder] | None = None,
) -> dict[str, Coder]:
    """A coder for each field. Fields with codes get a dictionary."""
    found = {}
    for key, kind in fields.items():
        dictionary = dictionaries.setdefault(key, Dictionary()) if kind in CODED else Dictionary()
        beside = plain.get(key) if plain else None
        found[key] = Coder(key, kind, dictionary, of_facts=of_facts, careful=key in careful, plain=beside)
    return found


class Bundle(dict[str, int]):
    """Fields whose texts come as one text a row, parted by `PART`: each different combination is read once."""

    def __init__(self, coders: Mapping[str, Coder]) -> None:
        super().__init__()
        self.coders = coders
        self._found: list[list[Any]] = []

    def __missing__(self, raw: str) -> int:
        texts = raw.split(PART)
        if len(texts) != len(self.coders):
            raise Ambiguous(self.coders)
        self._found.append([coder[text] for coder, text in zip(self.coders.values(), texts, strict=True)])
        number = self[raw] = len(self._found) - 1
        return number

    def columns(self, packed: str | None, count: int) -> dict[str, Array]:
        """The columns of `count` rows whose texts are parted by `ROW`. Raises `Ambiguous`."""
        if not packed or len(packed) == count - 1 == packed.count(ROW):
            packed = None  # a lone field that no row has
        raw = [] if packed is None else packed.split(ROW)
        if raw and len(raw) != count:
            raise Ambiguous(self.coders)
        if len(self.coders) == 1:
            ((key, coder),) = self.coders.items()
            numbers = coder.numbers(raw) if raw else np.full(count, coder.unknown, coder.type)
            return {key: coder.column(numbers)}
        place = np.fromiter(map(self.__getitem__, raw), np.int32, len(raw))
        return {
            key: coder.column(np.array([row[number] for row in self._found], coder.type)[place])
            for number, (key, coder) in enumerate(self.coders.items())
        }

    def clear(self) -> None:
        """Free the memory of all raw values met."""
        super().clear()
        self._found.clear()
        for coder in self.coders.values():
            coder.clear()


def alone(coders: Mapping[str, Coder]) -> list[Bundle]:
    """Each field by itself."""
    return [Bundle({key: coder}) for key, coder in coders.items()]


def bundled(coders: Mapping[str, Coder], sample: Mapping[str, Array]) -> list[Bundle]:
    """These fields, those of few values together, as far as a sample of their columns tells."""
    counts = {key: len(np.unique(sample[key])) for key in coders}
    groups: list[dict[str, Coder]] = []
    combined = _COMBINED + 1
    for key in sorted(counts, key=counts.__getitem__):
        combined *= max(counts[key], 1)
        if combined > _COMBINED or counts[key] > _FEW:
            groups.append({})
            combined = max(counts[key], 1)
        groups[-1][key] = coders[key]
    return list(map(Bundle, groups))
