"""A lead typed or pasted into a box as facts: a header and a row, JSON, or lines of `name: value`. Nothing of it is kept."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from leads import normalise
from leads.choices import FieldType, activity_label
from leads.errors import Invalid
from leads.importing import values
from leads.importing.dialect import find_delimiter
from leads.importing.targets import BY_KEY, TARGETS, Target, plain
from leads.importing.values import EMPTY, Misfit
from scoring.evaluate_python import Event, Facts
from scoring.registry import Field, Registry

MOST_LETTERS = 20_000
MOST_EVENTS = 500


@dataclass(slots=True)
class Pasted:
    """`facts` are what was understood; `read` says how each was; `unknown` are names nothing here goes by.

    `unread` are values that do not fit their field, with what would; `aside` are known names that no criterion can ask about;
    `derived` are fields the text does not say, worked out from the job title.
    """

    values: dict[str, object] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unread: list[tuple[str, str, str]] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)
    rows_left: int = 0

    @property
    def facts(self) -> Facts:
        return Facts(self.values, tuple(self.events))

    @property
    def is_nothing(self) -> bool:
        return not self.values and not self.events


# Deeper than any system nests the fields of a lead.
MOST_LEVELS = 8


def read_pasted(text: str, registry: Registry, now: datetime) -> Pasted:
    """What a pasted text says of one lead. Raises `Invalid` when it is nothing that can be read as one."""
    bare = text.strip().lstrip("\ufeff")
    if not bare:
        raise Invalid("Paste a lead, or pick one.", code="missing", field="pasted")
    if len(bare) > MOST_LETTERS:
        raise Invalid(
            f"That is {len(bare):,} letters. One lead has at most {MOST_LETTERS:,}.",
            code="too_long",
            field="pasted",
            value=len(bare),
        )
    pairs, rows_left = _pairs(bare)
    pasted = Pasted(rows_left=rows_left)
    by_name = _names(registry)
    kinds = {plain(name): kind for kind, label in registry.kinds.items() for name in (kind, label)}
    for name, value in pairs:
        known = registry.fields.get(name) or by_name.get(plain(name)) or by_name.get(plain(name.rpartition(".")[2]))
        if known is not None:
            _take_field(pasted, known, name, value)
        elif "@" in str(value) and _is_called(name, BY_KEY["lead.email"]):
            _take_mail(pasted, name, value)
        elif plain(name) in kinds:
            _take_events(pasted, kinds[plain(name)], name, value, now)
        elif any(_is_called(name, target) for target in TARGETS):
            pasted.aside.append(name)
        else:
            pasted.unknown.append(name)
    _derive(pasted)
    return pasted


def _derive(pasted: Pasted) -> None:
    """What the intake works out by itself, where the text does not say it."""
    for place in ("lead.country", "company.country"):
        if place in pasted.values:
            pasted.values[place] = normalise.country(str(pasted.values[place])) or pasted.values[place]
    title = pasted.values.get("lead.job_title")
    if isinstance(title, str):
        for key, derived in zip(("lead.seniority", "lead.department"), normalise.title(title), strict=True):
            if derived and key not in pasted.values:
                pasted.values[key] = derived
                pasted.derived.append(key)


def _pairs(text: str) -> tuple[list[tuple[str, object]], int]:
    """Names with their values, and how many further rows there were."""
    if text[0] in "{[":
        return _from_json(text)
    lines = [line for line in text.splitlines() if line.strip()]
    if ":" in lines[0] and all(_is_pair(line) for line in lines):
        split = [line.split(":", 1) for line in lines]
        return [(name.strip(), value.strip()) for name, value in split], 0
    delimiter = find_delimiter(lines)
    rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    if len(rows) >= 2 and len(rows[0]) > 1:
        header, row = rows[0], rows[1]
        return list(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False)), len(rows) - 2
    raise Invalid(
        "This cannot be read as a lead.",
        code="wrong_shape",
        field="pasted",
        expected="a header with a row below it, JSON, or lines like “Job title: Head of logistics”",
    )


def _is_pair(line: str) -> bool:
    name, colon, _ = line.partition(":")
    return bool(colon) and 0 < len(name.strip()) <= 80


def _from_json(text: str) -> tuple[list[tuple[str, object]], int]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(
            f"This begins like JSON, but line {error.lineno}, column {error.colno} is not: {error.msg}.",
            code="wrong_json",
            field="pasted",
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested thousands deep
        raise Invalid("This JSON is no lead.", code="wrong_shape", field="pasted", expected="an object, {…}") from None
    rows = data if isinstance(data, list) else [data]
    if not rows or not isinstance(rows[0], dict):
        raise Invalid("This JSON is no lead.", code="wrong_shape", field="pasted", expected="an object, {…}")
    return _flat(rows[0]), len(rows) - 1


def _flat(data: Mapping[str, object], within: str = "") -> list[tuple[str, object]]:
    """Nested objects as `company.name`; what only wraps fields adds nothing to their names."""
    found: list[tuple[str, object]] = []
    for name, value in data.items():
        if isinstance(value, dict) and within.count(".") < MOST_LEVELS:
            found += _flat(value, "" if name in ("attributes", "properties", "fields") else f"{name}.")
        else:
            found.append((f"{within}{name}", value))
    return found


def _names(registry: Registry) -> dict[str, Field]:
    """Every name a field goes by: its label, its key, and the headers an import knows it by. Own fields come first."""
    found: dict[str, Field] = {}
    for one in sorted(registry.fields.values(), key=lambda one: one.owner != "custom"):
        target = BY_KEY.get(one.key)
        for name in (one.label, one.name, one.key, *(target.names if target else ())):
            found.setdefault(plain(name), one)
    del found["name"]  # the company's key, and what a person is called
    return found


def _is_called(name: str, target: Target) -> bool:
    return not {plain(name), plain(name.rpartition(".")[2])}.isdisjoint((plain(target.label), *target.names))


def _take_mail(pasted: Pasted, name: str, value: object) -> None:
    address = values.first_address(str(value or ""))
    if not address:
        pasted.unread.append((name, str(value)[:80], "an e-mail address"))
        return
    pasted.values.setdefault("lead.email_domain", address.rpartition("@")[2].casefold())


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in EMPTY)


def _take_field(pasted: Pasted, known: Field, name: str, value: object) -> None:
    if _is_empty(value):
        return
    try:
        pasted.values[known.key] = _READ[known.type](known, value)
    except Misfit as misfit:
        pasted.unread.append((name, str(value)[:80], misfit.expected))


def _number(known: Field, value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    found = values.number(str(value), ".")
    return int(found) if found == found.to_integral_value() else float(found)


def _choice(known: Field, value: object) -> str:
    text = plain(str(value))
    for key, label in known.choices:
        if text in (plain(key), plain(label)):
            return key
    raise Misfit("not_a_choice", "one of " + ", ".join(label for _, label in known.choices[:12]))


def _several(known: Field, value: object) -> list[str]:
    some = [str(one) for one in value] if isinstance(value, list) else values.split_multi(str(value).replace(",", ";"))
    return [_choice(known, one) for one in some]


_READ: dict[FieldType, Callable[[Field, object], object]] = {
    FieldType.TEXT: lambda known, value: str(value).strip(),
    FieldType.CHOICE: _choice,
    FieldType.MULTI: _several,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: lambda known, value: value if isinstance(value, bool) else values.boolean(str(value)),
    FieldType.DATE: lambda known, value: values.date_time(str(value), day_first=True)[0].date().isoformat(),
}


def _take_events(pasted: Pasted, kind: str, name: str, value: object, now: datetime) -> None:
    """`Demo request: 2` is twice today, `Webinar: 2026-03-01, 2026-04-02` on these days, and `yes` is once today."""
    if _is_empty(value):
        return
    try:
        moments = _moments(value, now)
    except Misfit:
        pasted.unread.append((name, str(value)[:80], "how often, or the days on which it happened"))
        return
    if len(pasted.events) + len(moments) > MOST_EVENTS:
        pasted.unread.append((name, str(value)[:80], f"at most {MOST_EVENTS} activities in all"))
        return
    first = len(pasted.events) + 1
    pasted.events += [Event(first + place, kind, at, at) for place, at in enumerate(moments)]


def _moments(value: object, now: datetime) -> list[datetime]:
    if isinstance(value, list):
        return [at for one in value for at in _moments(one, now)]
    if isinstance(value, bool):
        return [now] if value else []
    text = str(value).strip()
    if text.isdecimal() and len(text) <= 5:
        return [now] * min(int(text), MOST_EVENTS + 1)
    try:
        return [now] if values.boolean(text) else []
    except Misfit:
        pass
    found = []
    for part in text.replace(";", ",").split(","):
        at, has_time = values.date_time(part.strip(), day_first=True)
        found.append(at if has_time else datetime.combine(at.date(), time(), UTC) + timedelta(seconds=1))
    return found


def in_words(events: list[Event], registry: Registry) -> list[tuple[str, int]]:
    """How many activities of each kind were understood, by their names."""
    counted: dict[str, int] = {}
    for one in events:
        name = registry.kinds.get(one.kind) or activity_label(one.kind)
        counted[name] = counted.get(name, 0) + 1
    return list(counted.items())
