"""The closed vocabulary of criteria: which operators a field type has, what they are called and what they match.

Unknown matches nothing, negative operators included; only `unknown` matches it. A fact of the wrong shape counts as unknown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import isfinite

from leads.choices import FieldType
from leads.lib.folding import fold

DAY_SECONDS = 86_400
EPOCH = date(1970, 1, 1).toordinal()

Match = Callable[[object, int], bool]
"""Is this fact (None for unknown) a match on this UTC day number?"""


class Takes(StrEnum):
    """What an operator needs beside the field."""

    NOTHING = "nothing"
    VALUES = "values"
    LIST = "list"
    RANGE = "range"
    DAYS = "days"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    takes: Takes
    words: str  # how a sentence says it; {} stands for the arguments
    negative: bool = False


KNOWN = Operator("known", Takes.NOTHING, "is known")
UNKNOWN = Operator("unknown", Takes.NOTHING, "is not known")
_IN = Operator("in", Takes.VALUES, "is {}")
_NOT_IN = Operator("not_in", Takes.VALUES, "is known and is not {}", negative=True)
_BETWEEN = Operator("between", Takes.RANGE, "is {}")

OPERATORS: dict[FieldType, dict[str, Operator]] = {
    kind: {operator.name: operator for operator in (*operators, KNOWN, UNKNOWN)}
    for kind, operators in {
        FieldType.TEXT: (
            _IN,
            _NOT_IN,
            Operator("words", Takes.VALUES, "has the words {}"),
            Operator("no_words", Takes.VALUES, "is known and has none of the words {}", negative=True),
            Operator("part", Takes.VALUES, "contains {}"),
            Operator("in_list", Takes.LIST, "is in the list {}"),
            Operator("not_in_list", Takes.LIST, "is known and is not in the list {}", negative=True),
        ),
        FieldType.CHOICE: (_IN, _NOT_IN),
        FieldType.MULTI: (
            Operator("has_any", Takes.VALUES, "has any of {}"),
            Operator("has_all", Takes.VALUES, "has all of {}"),
            Operator("has_none", Takes.VALUES, "is known and has none of {}", negative=True),
        ),
        FieldType.NUMBER: (_BETWEEN, Operator("not_between", Takes.RANGE, "is known and is not {}", negative=True)),
        FieldType.BOOLEAN: (Operator("is", Takes.FLAG, "is {}"),),
        FieldType.DATE: (
            _BETWEEN,
            Operator("within_days", Takes.DAYS, "lies in the last {} days"),
            Operator("older_than", Takes.DAYS, "lies {} days back or more"),
            Operator("future", Takes.NOTHING, "lies in the future"),
        ),
    }.items()
}

MOVES_WITH_TIME = frozenset({"within_days", "older_than", "future"})


def day_of(instant: datetime) -> int:
    """The UTC day number of an aware instant: `floor(epoch seconds / 86400)`."""
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).toordinal() - EPOCH


def date_of(day: int) -> date:
    """The date of a UTC day number."""
    return date.fromordinal(day + EPOCH)


# --- Reading facts: each gives the comparable value, or None for unknown ------------------------------------------------


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """`fold`, remembered: the same titles and industries come again and again."""
    return fold(text)


def read_text(fact: object) -> str | None:
    return (folded(fact) or None) if isinstance(fact, str) else None


def read_choice(fact: object) -> str | None:
    return fact if isinstance(fact, str) and fact else None


def read_multi(fact: object) -> frozenset[str] | None:
    """The keys chosen; an empty list is known and empty."""
    if isinstance(fact, list | tuple | set | frozenset):
        return frozenset(key for key in fact if isinstance(key, str))
    return None


def read_number(fact: object) -> float | None:
    if isinstance(fact, bool) or not isinstance(fact, int | float | Decimal):
        return None
    number = float(fact)
    return number if isfinite(number) else None


def read_boolean(fact: object) -> bool | None:
    return fact if isinstance(fact, bool) else None


@lru_cache(maxsize=65_536)
def _day_of_text(text: str) -> int | None:
    try:
        if len(text) == 10:
            return date.fromisoformat(text).toordinal() - EPOCH
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return day_of(instant) if instant.tzinfo else None


def read_date(fact: object) -> int | None:
    """The UTC day number of a date, an instant, or their ISO text."""
    if isinstance(fact, datetime):
        return day_of(fact) if fact.tzinfo else None
    if isinstance(fact, date):
        return fact.toordinal() - EPOCH
    return _day_of_text(fact) if isinstance(fact, str) else None


READERS: dict[FieldType, Callable[[object], object]] = {
    FieldType.TEXT: read_text,
    FieldType.CHOICE: read_choice,
    FieldType.MULTI: read_multi,
    FieldType.NUMBER: read_number,
    FieldType.BOOLEAN: read_boolean,
    FieldType.DATE: read_date,
}


# --- Matching -----------------------------------------------------------------------------------------------------------


def is_known(kind: FieldType) -> Match:
    read = READERS[kind]
    return lambda fact, today: read(fact) is not None


def is_unknown(kind: FieldType) -> Match:
    read = READERS[kind]
    return lambda fact, today: read(fact) is None


def match_text(op: str, values: Sequence[str]) -> Match:
    """`values` are folded and trimmed, as a canonical clause holds them. An emptied value list matches nothing."""
    whole = frozenset(f" {value} " for value in values)
    if op in ("in", "in_list"):
        return lambda fact, today: read_text(fact) in whole
    if op in ("not_in", "not_in_list"):
        return lambda fact, today: (text := read_text(fact)) is not None and text not in whole
    words = tuple(whole)
    if op == "words":
        return lambda fact, today: (text := read_text(fact)) is not None and any(word in text for word in words)
    if op == "no_words":
        return lambda fact, today: (text := read_text(fact)) is not None and not any(word in text for word in words)
    parts = tuple(values)
    return lambda fact, today: (text := read_text(fact)) is not None and any(part in text for part in parts)


def match_choice(op: str, values: Sequence[str]) -> Match:
    keys = frozenset(values)
    if op == "in":
        return lambda fact, today: read_choice(fact) in keys
    return lambda fact, today: (key := read_choice(fact)) is not None and key not in keys


def match_multi(op: str, values: Sequence[str]) -> Match:
    keys = frozenset(values)
    if op == "has_any":
        return lambda fact, today: (chosen := read_multi(fact)) is not None and not chosen.isdisjoint(keys)
    if op == "has_all":
        return lambda fact, today: (chosen := read_multi(fact)) is not None and chosen >= keys
    return lambda fact, today: (chosen := read_multi(fact)) is not None and chosen.isdisjoint(keys)


def match_number(op: str, low: float | None, high: float | None) -> Match:
    """Ends included; None leaves an end open."""
    bottom = float("-inf") if low is None else low
    top = float("inf") if high is None else high
    if op == "between":
        return lambda fact, today: (number := read_number(fact)) is not None and bottom <= number <= top
    return lambda fact, today: (number := read_number(fact)) is not None and not bottom <= number <= top


def match_boolean(flag: bool) -> Match:
    return lambda fact, today: read_boolean(fact) is flag


def match_date(op: str, low: int | None, high: int | None, days: int | None) -> Match:
    """`low` and `high` are day numbers, ends included. Ages are whole UTC days; a date ahead has a negative age."""
    if op == "between":
        bottom = -(10**9) if low is None else low
        top = 10**9 if high is None else high
        return lambda fact, today: (day := read_date(fact)) is not None and bottom <= day <= top
    if op == "future":
        return lambda fact, today: (day := read_date(fact)) is not None and day > today
    limit = days or 0
    if op == "within_days":
        return lambda fact, today: (day := read_date(fact)) is not None and 0 <= today - day < limit
    return lambda fact, today: (day := read_date(fact)) is not None and today - day >= limit


def next_date_change(op: str, fact: object, days: int | None, today: int) -> int | None:
    """The next day on which a date clause can turn by time alone; None when it never will."""
    day = read_date(fact)
    if day is None:
        return None
    if op == "future":
        edges: tuple[int, ...] = (day,)
    elif op == "older_than":
        edges = (day + (days or 0),)
    else:
        edges = (day, day + (days or 0))
    return min((edge for edge in edges if edge > today), default=None)
