"""A row's cells as values, by the mapping: what the intake takes in, or the reasons why the row cannot be read."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from leads import normalise
from leads.choices import Consent, FieldType
from leads.importing import values
from leads.importing.dialect import NAMES
from leads.importing.header import column_names
from leads.importing.mapping import OPEN, FileMapping, Goes, KnownField, label_of
from leads.importing.reader import Row
from leads.importing.targets import BY_KEY, IGNORE
from leads.importing.values import EMPTY, EMPTY_NAME, Misfit
from leads.intake.incoming import Problem

_KIND = re.compile(r"[^a-z0-9]+")
_BEYOND = re.compile(r"Column (\d{1,5})(?: \(\d+\))?$")
_FORMULA = ("=", "+", "-", "@")
_ID_PREFIX = re.compile(r"^(?:l|ag|as|c|f):(?=\d)")


@dataclass(slots=True)
class Converted:
    """One row understood. `problems` is empty or the row is refused."""

    row: Row
    values: dict[str, object] = field(default_factory=dict)
    external_id: str = ""
    source: str = ""
    campaign: str = ""
    occurred_at: dt.datetime | None = None
    outcome: str = ""
    outcome_at: dt.datetime | None = None
    outcome_reason: str = ""
    outcome_amount: Decimal | None = None
    kind: str = ""
    asset: str = ""
    source_id: str = ""
    properties: dict[str, object] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


Reader = Callable[[Converted, str], None]


class Converter:
    """Reads rows by a mapping; made once a file, called once a row.

    `fields` are the custom fields by key, those the mapping creates included. Times without a zone are in `zone`.
    """

    def __init__(
        self,
        mapping: FileMapping,
        columns: Sequence[str],
        fields: Mapping[str, KnownField],
        zone: dt.tzinfo = dt.UTC,
        delimiter: str = "",
    ) -> None:
        self._stray = (
            f"a {NAMES.get(delimiter, delimiter)} without quotes is likely" if delimiter else "some stand beyond the last column"
        )
        self._mapping = mapping
        self._columns = columns
        self._width = len(columns)
        self._zone = zone
        self._fields = fields
        self._outcomes = {value.casefold(): meant for value, meant in mapping.outcomes.items()}
        self._readers = [
            (index, self._reader(goes, columns[index]), columns[index], self._empty(goes))
            for index, goes in enumerate(mapping.goes)
            if goes.target != IGNORE
        ]

    def __call__(self, row: Row) -> Converted:
        out = Converted(row)
        cells = row.cells
        if len(cells) > self._width:
            out.problems.append(
                Problem(
                    "too_many_cells", "", cells[self._width][:200],
                    f"The row has {len(cells)} cells, the header {self._width}: {self._stray}. Nothing of it was taken.",
                )
            )  # fmt: skip
            return out
        for index, read, name, empty in self._readers:
            text = cells[index]
            if text[:1] == "'" and text[1:2] in _FORMULA:
                text = text[1:]  # a spreadsheet's mark that this is text, as our own downloads set it
            if not text or (len(text) < 30 and text.strip().casefold() in empty):
                continue
            try:
                read(out, text)
            except Misfit as misfit:
                shown = text if len(text) <= 200 else text[:200] + "…"
                out.problems.append(
                    Problem(
                        misfit.code, name, shown, f"\u201c{shown}\u201d in column \u201c{name}\u201d is not {misfit.expected}."
                    )
                )
        if "lead.email" not in out.values and "@" in str(out.values.get("lead.first_name", "")):
            self._name_is_address(out)
        return out

    def raw(self, row: Row) -> dict[str, object]:
        """The row as it stands in the file, by column name; what goes beyond the columns under its number."""
        names = self._columns if len(row.cells) <= self._width else column_names(self._columns, len(row.cells))
        return {name: cell for name, cell in zip(names, row.cells, strict=False) if cell}

    @staticmethod
    def _empty(goes: Goes) -> frozenset[str]:
        return EMPTY_NAME if goes.target in BY_KEY and BY_KEY[goes.target].reads in ("name", "full_name") else EMPTY

    @staticmethod
    def _name_is_address(out: Converted) -> None:
        """An address in the name's place, as exports of shared mailboxes have it."""
        text = f"{out.values['lead.first_name']} {out.values.get('lead.last_name', '')}".strip()
        if " " not in text:
            out.values["lead.email"] = text
            del out.values["lead.first_name"]

    def _reader(self, goes: Goes, name: str) -> Reader:
        target = goes.target
        if goes.new is not None and target == "new":
            return self._custom(goes.new.key, goes)
        if target.startswith("custom."):
            return self._custom(target.removeprefix("custom."), goes)
        if target == "property":
            return lambda out, text: out.properties.__setitem__(
                _KIND.sub("_", name.casefold()).strip("_")[:60] or "value", text.strip()
            )
        match target:
            case "lead.full_name":
                return self._full_name
            case "lead.opt_out":
                return self._opt_out
            case "lead.consent":
                return lambda out, text: out.values.__setitem__(
                    "lead.consent", Consent.GIVEN if values.boolean(text) else Consent.REFUSED
                )
            case "external_id":
                return lambda out, text: setattr(out, "external_id", _ID_PREFIX.sub("", text.strip())[:200])
            case "outcome":
                return self._outcome
            case "outcome_amount":
                return lambda out, text: setattr(out, "outcome_amount", normalise.amount(values.number(text, goes.decimal)))
            case "occurred_at" | "outcome_at":
                return lambda out, text: setattr(
                    out, target, values.date_time(text, day_first=goes.day_first, zone=self._zone)[0]
                )
            case "source" | "campaign" | "outcome_reason":
                return lambda out, text: setattr(out, target, " ".join(text.split()))
            case "activity.kind":
                return lambda out, text: setattr(out, "kind", activity_kind(text))
            case "activity.asset" | "activity.source_id":
                attribute = target.removeprefix("activity.")
                return lambda out, text: setattr(out, attribute, text.strip())
        return self._core(target, goes)

    def _core(self, target: str, goes: Goes) -> Reader:
        match BY_KEY[target].reads:
            case "email":
                return lambda out, text: out.values.__setitem__(target, values.first_address(text))
            case "phone":
                return lambda out, text: out.values.__setitem__(target, values.first_phone(text))
            case "number":
                return lambda out, text: out.values.__setitem__(target, plain_number(values.number(text, goes.decimal)))
            case "boolean":
                return lambda out, text: out.values.__setitem__(target, values.boolean(text))
            case _:
                return lambda out, text: out.values.__setitem__(target, " ".join(text.split()))

    def _custom(self, key: str, goes: Goes) -> Reader:
        known = self._fields[key]
        slot = f"custom.{key}"
        match known.type:
            case FieldType.NUMBER:
                return lambda out, text: out.values.__setitem__(slot, plain_number(values.number(text, goes.decimal)))
            case FieldType.BOOLEAN:
                return lambda out, text: out.values.__setitem__(slot, values.boolean(text))
            case FieldType.DATE:
                return lambda out, text: out.values.__setitem__(
                    slot, values.date_time(text, day_first=goes.day_first, zone=self._zone)[0].date().isoformat()
                )
            case FieldType.CHOICE:
                find = _finder(known)
                return lambda out, text: out.values.__setitem__(slot, find(text.strip()))
            case FieldType.MULTI:
                find = _finder(known)
                return lambda out, text: out.values.__setitem__(slot, [find(part) for part in values.split_multi(text)])
            case _:
                return lambda out, text: out.values.__setitem__(slot, text.strip())

    @staticmethod
    def _opt_out(out: Converted, text: str) -> None:
        if values.boolean(text):
            out.values["lead.consent"] = Consent.REFUSED

    def _full_name(self, out: Converted, text: str) -> None:
        first, last = values.split_name(text)
        out.values.setdefault("lead.first_name", first)
        if last:
            out.values.setdefault("lead.last_name", last)

    def _outcome(self, out: Converted, text: str) -> None:
        meant = self._outcomes.get(text.strip().casefold())
        if meant is None:
            raise Misfit("outcome_not_mapped", "mapped to won, lost, rejected or open")
        out.outcome = "" if meant == OPEN else meant


def names_of(content: Mapping[str, object], columns: Sequence[str]) -> Sequence[str]:
    """The names of all cells of a kept row: the file's columns, then those for its cells beyond them."""
    beyond = [int(found[1]) for name in content.keys() - set(columns) if (found := _BEYOND.match(name))]
    return column_names(columns, max(beyond, default=0)) if beyond else columns


def cells_of(content: Mapping[str, object], columns: Sequence[str]) -> list[str]:
    """The cells of a row that was kept by `Converter.raw`, those beyond the last column included, so none is lost on its way back."""
    return [str(content.get(name, "")) for name in names_of(content, columns)]


def _finder(known: KnownField) -> Callable[[str], str]:
    exact = set(known.choices)
    folded = {choice.casefold(): choice for choice in known.choices}

    def find(text: str) -> str:
        if text in exact:
            return text
        choice = folded.get(text.casefold())
        if choice is None:
            shown = ", ".join(known.choices[:6]) + (", …" if len(known.choices) > 6 else "")
            raise Misfit("not_a_choice", f"one of the choices of {known.label or label_of(known.key)} ({shown})")
        return choice

    return find


def activity_kind(text: str) -> str:
    """The key of an activity kind: "Demo Request" and "demo-request" are `demo_request`."""
    key = _KIND.sub("_", text.strip().casefold()).strip("_")[:40].rstrip("_")
    if not key or not key[0].isalpha():
        raise Misfit("bad_kind", "a kind of activity, such as webinar_attended")
    return key


def plain_number(value: Decimal) -> int | float:
    """A number as facts keep it: whole where it is."""
    return int(value) if value == value.to_integral_value() else float(value)
