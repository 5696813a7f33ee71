"""What a column holds, judged by its cells: the type of a new field, its choices, how its numbers and dates are written."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from leads.choices import FieldType
from leads.importing import values
from leads.importing.values import EMPTY, Misfit

MAX_CHOICES = 60
MAX_DISTINCT = 2_000
_IDENTIFIER = re.compile(r"0\d+|\+\d{6,}|\d{16,}")
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"[+(]?[\d\s().\-/]{7,}")


@dataclass(slots=True)
class Profile:
    """A column's sample: how many cells are filled, how often each value comes, a few to show."""

    index: int
    name: str
    rows: int = 0
    filled: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    overflow: bool = False  # more different values than were counted

    def add(self, cell: str) -> None:
        self.rows += 1
        text = cell.strip()
        if not text or text.casefold() in EMPTY:
            return
        self.filled += 1
        if text in self.counts or len(self.counts) < MAX_DISTINCT:
            self.counts[text] += 1
        else:
            self.overflow = True

    def as_json(self, most: int) -> dict[str, Any]:
        """For keeping with the run: its commonest values only."""
        common = self.counts.most_common(most)
        cut = self.overflow or len(self.counts) > most
        return {"name": self.name, "rows": self.rows, "filled": self.filled, "counts": common, "overflow": cut}

    @classmethod
    def from_json(cls, index: int, stored: dict[str, Any]) -> "Profile":
        counts = Counter({value: count for value, count in stored["counts"]})
        return cls(index, stored["name"], stored["rows"], stored["filled"], counts, stored["overflow"])

    @property
    def distinct(self) -> list[str]:
        return list(self.counts)

    @property
    def is_unique(self) -> bool:
        return (
            self.filled > 0
            and (self.overflow or len(self.counts) == self.filled)
            and (not self.counts or max(self.counts.values()) == 1)
        )

    def samples(self, most: int = 3) -> list[str]:
        return [text[:80] for text in self.counts][:most]

    def share(self, matches: re.Pattern[str]) -> float:
        """How much of what is filled matches."""
        seen = sum(self.counts.values())
        return sum(count for text, count in self.counts.items() if matches.fullmatch(text)) / seen if seen else 0.0


@dataclass(frozen=True, slots=True)
class TypeGuess:
    """The type that fits a column, with how its cells are written. `day_first` is None where nothing tells."""

    type: str
    choices: tuple[str, ...] = ()
    decimal: str = "."
    day_first: bool | None = None
    ambiguous: str = ""  # an example of a date only a person can read


def profile(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Profile]:
    profiles = [Profile(index, name) for index, name in enumerate(columns)]
    for cells in rows:
        for column, cell in zip(profiles, cells, strict=False):
            column.add(cell)
    return profiles


def guess_type(column: Profile) -> TypeGuess:
    """The narrowest type that at least 95 of 100 filled cells fit; text when in doubt."""
    texts = column.distinct
    if not texts:
        return TypeGuess(FieldType.TEXT)
    folded = {text.casefold() for text in texts}
    if (
        folded <= values.TRUE | values.FALSE
        and len(folded) <= 4
        and not (folded <= {"x", "t", "f", "n", "y", "si", "on"} and len(folded) == 1)
    ):
        return TypeGuess(FieldType.BOOLEAN)
    sign = values.decimal_sign(texts)
    if not any(_IDENTIFIER.fullmatch(text) for text in texts) and _fits(column, lambda text: values.number(text, sign)) >= 0.95:
        return TypeGuess(FieldType.NUMBER, decimal=sign)
    day_first, ambiguous = date_order(texts)
    if _fits(column, lambda text: values.date_time(text, day_first=True if day_first is None else day_first)) >= 0.95:
        return TypeGuess(FieldType.DATE, day_first=day_first, ambiguous=ambiguous)
    if multi := _multi_choices(column):
        return TypeGuess(FieldType.MULTI, choices=multi)
    longest = max(map(len, texts))
    if (
        not column.overflow
        and len(texts) <= MAX_CHOICES
        and longest <= 80
        and len(texts) <= max(2, column.filled // 3)
        and column.filled >= 10
    ):
        return TypeGuess(FieldType.CHOICE, choices=tuple(sorted(texts, key=str.casefold)))
    return TypeGuess(FieldType.TEXT)


def date_order(texts: Iterable[str]) -> tuple[bool | None, str]:
    """(whether the day stands first, an example that leaves it open): decided by the dates that can be read one way only."""
    day = month = 0
    example = ""
    for text in texts:
        first, second = values.day_first_votes(text)
        day += first
        month += second
        if not example and values.is_ambiguous_date(text):
            example = text
    if day and not month:
        return True, ""
    if month and not day:
        return False, ""
    return None, example


def fits_dates(column: Profile) -> float:
    """How much of what is filled reads as a date, whichever way round."""
    day_first, _ = date_order(column.distinct)
    return _fits(column, lambda text: values.date_time(text, day_first=True if day_first is None else day_first), patient=True)


def fits_numbers(column: Profile) -> float:
    """How much of what is filled reads as a number."""
    sign = values.decimal_sign(column.distinct)
    return _fits(column, lambda text: values.number(text, sign), patient=True)


def looks_like(column: Profile) -> str:
    """ "email", "phone" or "" by content alone: the second opinion on a header nobody knows."""
    if column.share(ADDRESS) >= 0.6:
        return "email"
    digits = [text for text in column.counts if _PHONE.fullmatch(text) and 7 <= sum(map(str.isdigit, text)) <= 15]
    marked = sum(text.lstrip("(").startswith(("+", "0")) or any(char in text for char in " ()-/") for text in digits)
    if digits and len(digits) >= 0.8 * len(column.counts) and marked >= 0.6 * len(digits) and date_order(digits) == (None, ""):
        if not any(re.fullmatch(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*", text) for text in digits):
            return "phone"
    return ""


def _fits(column: Profile, parse: Callable[[str], object], *, patient: bool = False) -> float:
    good = seen = 0
    for text, count in column.counts.items():
        seen += count
        try:
            parse(text)
        except Misfit:
            # Once more than one in twenty of what was seen fails, the rest cannot save a column of this size.
            if not patient and seen - good > max(5, 0.05 * column.filled):
                return 0.0
            continue
        good += count
    return good / seen if seen else 0.0


def _multi_choices(column: Profile) -> tuple[str, ...]:
    several = sum(count for text, count in column.counts.items() if ";" in text or "|" in text)
    if column.filled < 5 or several < 0.2 * column.filled:
        return ()
    parts = Counter(part for text in column.counts for part in values.split_multi(text))
    if len(parts) > MAX_CHOICES or max(map(len, parts)) > 80 or len(parts) > sum(parts.values()) * 0.6:
        return ()
    return tuple(sorted(parts, key=str.casefold))
