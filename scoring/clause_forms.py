"""The questions of a condition as form rows: which inputs a row has follows from what it asks about.

Rows that stand in one box are alternatives of each other: a condition of `all` has boxes of `any`, and the other way round.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict

from leads.choices import FieldType
from leads.lib.numbers import whole
from scoring.forms import split_values
from scoring.offered import EVENT_PICKS, NOTHING_PICKED, Offer, Shown, event_of
from scoring.operators import OPERATORS, Takes
from scoring.picking import Choices, Picks
from scoring.registry import Field, Registry, spelled

EVENT = "event"  # what a clause asks about instead of a field
MOST_CLAUSES = 12
RANGES = {one.name for some in OPERATORS.values() for one in some.values() if one.takes.value == "range"}

_ANSWERS = ("low", "text", "values", "value", "days", "at_least", "op")
_OWNERS = {"lead": "The lead", "company": "The company", "custom": "Own fields"}


def field_choices(registry: Registry, keep: str = "") -> list[tuple[str, Any]]:
    """The fields a clause may ask about, by owner; `keep` is offered even when it no longer would be."""
    groups: dict[str, list[tuple[str, str]]] = {label: [] for label in _OWNERS.values()}
    for field in registry.fields.values():
        if (field.active and field.known != "after") or field.key == keep:
            groups[_OWNERS[field.owner]].append((field.key, field.label))
    return [("", "Choose what to ask…"), (EVENT, "What they did"), *((label, some) for label, some in groups.items() if some)]


class ClauseForm(forms.Form):
    """One question of a condition; which inputs it has follows from the field that was chosen."""

    field = forms.ChoiceField(
        label="Ask about",
        required=False,
        # Choosing a field draws the form anew, with the inputs that go with it.
        widget=forms.Select(
            attrs={
                "hx-post": "",
                "hx-target": "#part",
                "hx-swap": "outerHTML",
                "hx-vals": '{"redraw": "field"}',
                "hx-sync": "this:replace",
            }
        ),
    )

    block = forms.IntegerField(required=False, min_value=0, max_value=99, widget=forms.HiddenInput)

    def __init__(self, shown: Shown, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry = shown.registry
        self.offers = shown.offers
        self.number = 0
        chosen = self["field"].value() or ""
        choice: Any = self.fields["field"]
        choice.choices = field_choices(registry, chosen)
        self.asked = registry.fields.get(chosen)
        if chosen == EVENT:
            self._event(shown)
        elif self.asked is not None:
            self._field(self.asked)

    @property
    def place(self) -> int:
        """The box the row stands in: one of its own where none is said."""
        typed = whole(str(self["block"].value()))
        return int((self.prefix or "0").rpartition("-")[2]) if typed is None else typed

    def _event(self, shown: Shown) -> None:
        self.fields.update(shown.event_picks(self.initial))
        self.fields["at_least"] = forms.IntegerField(label="At least", required=False, min_value=1, initial=1)
        self.fields["at_most"] = forms.IntegerField(label="At most", required=False, min_value=0)
        self.fields["days"] = forms.IntegerField(
            label="In the last days", required=False, min_value=1, max_value=3650, initial=90
        )

    def _bound(self, picked: bool, counted: bool) -> list[Any]:
        return [
            one
            for one in self.visible_fields()
            if isinstance(one.field, Picks) is picked
            and (one.name in ("at_least", "at_most", "days") and self.asked is None) is counted
        ]

    @property
    def asking(self) -> list[Any]:
        """What stands in the row's first line."""
        return self._bound(picked=False, counted=False)

    @property
    def picks(self) -> list[Any]:
        return self._bound(picked=True, counted=False)

    @property
    def counting(self) -> list[Any]:
        """How often and in which time, for what they did."""
        return self._bound(picked=False, counted=True)

    def _field(self, asked: Field) -> None:
        operators = [(one.name, one.words.replace("{} ", "… ").replace(" {}", "…")) for one in OPERATORS[asked.type].values()]
        self.fields["op"] = forms.ChoiceField(label="How", choices=operators)
        match asked.type:
            case FieldType.TEXT:
                self.fields["text"] = forms.CharField(label="Values", required=False, help_text="Parted by commas.")
                if self.registry.latest_lists:
                    lists = [("", "–"), *((key, key) for key in sorted(self.registry.latest_lists))]
                    self.fields["list"] = forms.ChoiceField(label="List", choices=lists, required=False)
            case FieldType.CHOICE | FieldType.MULTI:
                offered = Choices(asked.choices, self._counted, by_count=False)
                self.fields["values"] = Picks("Values", offered, self.initial.get("values", []))
            case FieldType.NUMBER:
                self.fields["low"] = forms.DecimalField(label="From", required=False)
                self.fields["high"] = forms.DecimalField(label="To", required=False)
            case FieldType.BOOLEAN:
                self.fields["value"] = forms.ChoiceField(label="Value", choices=[("yes", "Yes"), ("no", "No")], required=False)
            case FieldType.DATE:
                date_input = forms.DateInput(attrs={"type": "date"})
                self.fields["low"] = forms.DateField(label="From", required=False, widget=date_input)
                self.fields["high"] = forms.DateField(label="To", required=False, widget=date_input)
                self.fields["days"] = forms.IntegerField(label="Days", required=False, min_value=1, max_value=3650)

    @cached_property
    def offer(self) -> Offer | None:
        """What leads have in the field that is asked about."""
        return self.offers.of(self.asked) if self.asked else None

    def _counted(self) -> dict[str, int]:
        return dict(self.offer.values) if self.offer else {}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("field") == EVENT:
            if not event_of(given):
                self.add_error("kinds", NOTHING_PICKED)
            if given.get("days") is None and "days" not in self.errors:
                self.add_error("days", "Say how many days back it looks.")
        takes = OPERATORS[self.asked.type].get(given.get("op", "")) if self.asked else None
        if takes and takes.takes.value == "values":
            name = "values" if "values" in self.fields else "text"
            if not given.get(name) and name not in self.errors:
                self.add_error(name, "Say at least one value.")
        low, high = given.get("low"), given.get("high")
        if given.get("op") in RANGES and low is not None and high is not None and low > high:
            self.add_error("high", f"Nothing lies from {low} to {high}: “To” has to be {low} or more.")
        return given

    @property
    def answered_in(self) -> str:
        """The input a refusal of the whole clause stands at: the answer rather than what is asked about."""
        how = OPERATORS[self.asked.type].get(str(self["op"].value())) if self.asked is not None else None
        if how is not None and how.takes == Takes.NOTHING:
            return "op"
        return next(name for name in (*_ANSWERS, "field") if name in self.fields)

    @property
    def data_of(self) -> dict[str, Any] | None:
        """The clause as in a spec; None for a row where nothing was chosen."""
        given = self.cleaned_data
        name = given.get("field")
        if not name:
            return None
        if name == EVENT:
            counts = {key: given.get(key) for key in ("at_least", "at_most", "days")}
            counts["at_least"] = counts["at_least"] or (None if counts["at_most"] is not None else 1)
            return {"event": event_of(given)} | {key: value for key, value in counts.items() if value is not None}
        clause: dict[str, Any] = {"field": name, "op": given.get("op")}
        takes = OPERATORS[self.registry.fields[name].type].get(given.get("op", ""))
        return clause | (self._arguments(takes.takes.value, given) if takes else {})

    def _arguments(self, takes: str, given: dict[str, Any]) -> dict[str, Any]:
        if takes == "values":
            return {"values": given["values"] if "values" in given else split_values(given.get("text", ""))}
        if takes == "list":
            return {"list": given.get("list") or ""}
        if takes == "flag":
            return {"value": given.get("value") == "yes"}
        if takes == "days":
            return {"days": given.get("days")}
        if takes == "range":
            ends = {name: given.get(name) for name in ("low", "high")}
            return {name: _plain(end) for name, end in ends.items() if end is not None}
        return {}


def _plain(end: Any) -> Any:
    """A number or an ISO date as JSON has it."""
    if hasattr(end, "isoformat"):
        return end.isoformat()
    return int(end) if end == int(end) else float(end)


def clause_initial(clause: Mapping[str, Any]) -> dict[str, Any]:
    """What a clause row shows for a clause of a spec."""
    if "event" in clause:
        event = clause["event"]
        return {
            "field": EVENT,
            **{name: list(map(str, event.get(name, []))) for name in EVENT_PICKS},
            **{key: clause.get(key) for key in ("at_least", "at_most", "days")},
        }
    shown = {key: clause[key] for key in ("field", "op", "low", "high", "days", "list", "values") if key in clause}
    shown["text"] = ", ".join(spelled(clause.get("field", ""), value) for value in clause.get("values", []))
    if "value" in clause:
        shown["value"] = "yes" if clause["value"] else "no"
    return shown


def _typed(posted: QueryDict, prefix: str) -> dict[str, Any]:
    """What was typed into a row, by name."""
    names = [name for name in posted if name.startswith(f"{prefix}-")]
    found: dict[str, Any] = {name.removeprefix(f"{prefix}-"): posted.get(name) for name in names}
    found.update({name: posted.getlist(f"{prefix}-{name}") for name in ("values", *EVENT_PICKS) if name in found})
    return found


class Rows:
    """The clause rows of a condition: as posted, or as stored, or one empty row.

    With `redraw` the rows are drawn anew from what was typed, without judging it: "field" a field was chosen, "add" a row in a
    box of its own, "also-2" one more in box 2, "drop-3" the row 3 away.
    """

    def __init__(
        self,
        shown: Shown,
        *,
        posted: QueryDict | None = None,
        stored: Mapping[str, Any] | None = None,
        redraw: str = "",
        prefix: str = "when",
    ) -> None:
        self.shown, self.prefix = shown, prefix
        self.mode = "all"
        self.forms: list[ClauseForm] = []
        if posted is not None and not redraw:
            self.mode = "any" if posted.get(f"{prefix}-mode") == "any" else "all"
            for number in range(self._count(posted)):
                self.forms.append(ClauseForm(shown, posted, prefix=f"{prefix}-{number}"))
        else:
            self._draw(self._redrawn(posted, redraw) if posted is not None else self._of_stored(stored or {}))
        if not self.forms:
            self._draw([{}])

    def _count(self, posted: QueryDict) -> int:
        typed = whole(posted.get(f"{self.prefix}-rows"))
        return min(1 if typed is None else typed, MOST_CLAUSES)

    def _draw(self, rows: list[dict[str, Any]]) -> None:
        for number, initial in enumerate(rows[:MOST_CLAUSES]):
            self.forms.append(ClauseForm(self.shown, initial=initial, prefix=f"{self.prefix}-{number}"))

    def _redrawn(self, posted: QueryDict, redraw: str) -> list[dict[str, Any]]:
        self.mode = "any" if posted.get(f"{self.prefix}-mode") == "any" else "all"
        rows = [{"block": number} | _typed(posted, f"{self.prefix}-{number}") for number in range(self._count(posted))]
        what, _, number = redraw.partition("-")
        at = whole(number)
        if what == "drop" and at is not None and at < len(rows):
            rows.pop(at)
        elif what == "add":
            rows.append({"block": max((_block(row) for row in rows), default=-1) + 1})
        elif what == "also" and at is not None:
            last = max((place for place, row in enumerate(rows) if _block(row) == at), default=len(rows) - 1)
            rows.insert(last + 1, {"block": at})
        return rows

    def _of_stored(self, stored: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not stored:
            return []
        self.mode, entries = next(iter(stored.items()))
        if all("all" not in one and "any" not in one for one in entries) or any(self.mode in one for one in entries):
            # A bracket of the same kind says nothing: what is in it stands as well outside.
            entries = [inner for one in entries for inner in (one[self.mode] if self.mode in one else [one])]
        rows = []
        for block, entry in enumerate(entries):
            inner = entry.get("any") or entry.get("all") or [entry]
            rows += [clause_initial(one) | {"block": block} for one in inner]
        return rows

    @property
    def other_mode(self) -> str:
        return "any" if self.mode == "all" else "all"

    @property
    def blocks(self) -> list[tuple[int, list[ClauseForm]]]:
        """The rows by box, each with its number."""
        found: dict[int, list[ClauseForm]] = {}
        for number, form in enumerate(self.forms):
            form.number = number
            found.setdefault(form.place, []).append(form)
        return list(found.items())

    @property
    def is_valid(self) -> bool:
        return all([form.is_valid() for form in self.forms])

    @property
    def data(self) -> dict[str, Any]:
        """The condition; one box alone needs no brackets."""
        boxes = [[clause for form in some if (clause := form.data_of) is not None] for _, some in self.blocks]
        boxes = [box for box in boxes if box]
        if len(boxes) == 1 and len(boxes[0]) > 1:
            return {self.other_mode: boxes[0]}
        return {self.mode: [box[0] if len(box) == 1 else {self.other_mode: box} for box in boxes]}

    def blame(self, path: str, message: str) -> bool:
        """Show a refusal at the row it speaks about; False when the path names none."""
        found = re.search(r"(?:all|any)(?:\[(\d+)\](?:\.(?:all|any)\[(\d+)\])?(?:\.(\w+))?)?", path)
        if not found:
            return False
        boxes = [[form for form in some if form.data_of is not None] for _, some in self.blocks]
        boxes = [box for box in boxes if box] or [self.forms]
        outer, inner = int(found[1] or 0), int(found[2] or 0)
        if len(boxes) == 1 and len(boxes[0]) > 1:
            outer, inner = 0, outer
        box = boxes[min(outer, len(boxes) - 1)]
        form = box[min(inner, len(box) - 1)]
        name = {"event": "kinds"}.get(found[3], found[3]) or form.answered_in
        form.add_error("text" if name == "values" and "text" in form.fields else name if name in form.fields else None, message)
        return True


def _block(row: Mapping[str, Any]) -> int:
    return whole(str(row.get("block") or "")) or 0
