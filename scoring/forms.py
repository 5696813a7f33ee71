"""Forms of the draft page: each gives the JSON of a part of a spec, and shows a refusal where it belongs."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import slugify

from leads.choices import FieldType
from leads.errors import Invalid
from leads.lib.numbers import whole
from scoring.operators import OPERATORS
from scoring.registry import Field, Registry, spelled
from scoring.spec import DIMENSIONS

EVENT = "event"  # what a clause asks about instead of a field
MOST_CLAUSES = 12

_OWNERS = {"lead": "The lead", "company": "The company", "custom": "Own fields"}


def field_choices(registry: Registry, keep: str = "") -> list[tuple[str, Any]]:
    """The fields a clause may ask about, by owner; `keep` is offered even when it no longer would be."""
    groups: dict[str, list[tuple[str, str]]] = {label: [] for label in _OWNERS.values()}
    for field in registry.fields.values():
        if (field.active and field.known != "after") or field.key == keep:
            groups[_OWNERS[field.owner]].append((field.key, field.label))
    return [("", "Choose what to ask…"), (EVENT, "What they did"), *((label, some) for label, some in groups.items() if some)]


def split_values(text: str) -> list[str]:
    """Values written in one line, parted by commas or semicolons."""
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def chosen_first(choices: list[tuple[str, str]], held: Iterable[Any]) -> list[tuple[str, str]]:
    """The choices with those held at the top, also when one is no longer offered."""
    kept = [str(one) for one in held]
    labels = dict(choices)
    return [(one, labels.get(one, one)) for one in kept] + [(key, label) for key, label in choices if key not in kept]


def make_key(label: str, taken: Iterable[str]) -> str:
    """A key made of a label's words that is not taken yet."""
    plain = re.sub(r"[^a-z0-9]+", "_", slugify(label).replace("-", "_")).strip("_")[:36]
    base = plain if plain[:1].isalpha() else f"c_{plain}".rstrip("_")
    held, key, number = set(taken), base, 2
    while key in held:
        key, number = f"{base[:36]}_{number}", number + 1
    return key


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

    def __init__(self, registry: Registry, kinds: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry
        chosen = self["field"].value() or ""
        choice: Any = self.fields["field"]
        choice.choices = field_choices(registry, chosen)
        self.asked = registry.fields.get(chosen)
        if chosen == EVENT:
            self._event(kinds)
        elif self.asked is not None:
            self._field(self.asked)

    def _event(self, kinds: list[tuple[str, str]]) -> None:
        offered = chosen_first(kinds, self.initial.get("kinds", []))
        self.fields["kinds"] = forms.MultipleChoiceField(
            label="Activities", choices=offered, required=False, widget=forms.CheckboxSelectMultiple
        )
        self.fields["at_least"] = forms.IntegerField(label="At least", required=False, min_value=1)
        self.fields["at_most"] = forms.IntegerField(label="At most", required=False, min_value=0)
        self.fields["days"] = forms.IntegerField(label="In the last days", required=False, min_value=1, max_value=3650)

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
                held = [(value, value) for value in self.initial.get("values", []) if value not in dict(asked.choices)]
                self.fields["values"] = forms.MultipleChoiceField(
                    label="Values", choices=[*asked.choices, *held], required=False, widget=forms.CheckboxSelectMultiple
                )
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
            return {"event": {"kinds": given.get("kinds", [])}} | {
                key: value for key, value in counts.items() if value is not None
            }
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
            "kinds": event.get("kinds", []),
            **{key: clause.get(key) for key in ("at_least", "at_most", "days")},
        }
    shown = {key: clause[key] for key in ("field", "op", "low", "high", "days", "list", "values") if key in clause}
    shown["text"] = ", ".join(spelled(clause.get("field", ""), value) for value in clause.get("values", []))
    if "value" in clause:
        shown["value"] = "yes" if clause["value"] else "no"
    return shown


def is_flat(condition: Mapping[str, Any]) -> bool:
    """Whether a condition can be shown as rows: one level only, and activities by kind alone."""
    clauses: list[Mapping[str, Any]] = next(iter(condition.values()), [])
    return all("all" not in one and "any" not in one and not (one.get("event", {}).keys() - {"kinds"}) for one in clauses)


def _typed(posted: QueryDict, prefix: str) -> dict[str, Any]:
    """What was typed into a row, by name."""
    names = [name for name in posted if name.startswith(f"{prefix}-")]
    found: dict[str, Any] = {name.removeprefix(f"{prefix}-"): posted.get(name) for name in names}
    found.update({name: posted.getlist(f"{prefix}-{name}") for name in ("values", "kinds") if name in found})
    return found


class Rows:
    """The clause rows of a condition: as posted, or as stored, or one empty row.

    With `redraw` the rows are drawn anew from what was typed, without judging it: a field was chosen, a row added.
    """

    def __init__(
        self,
        registry: Registry,
        kinds: list[tuple[str, str]],
        *,
        posted: QueryDict | None = None,
        stored: Mapping[str, Any] | None = None,
        redraw: bool = False,
        prefix: str = "when",
    ) -> None:
        self.prefix = prefix
        self.mode = "all"
        self.forms: list[ClauseForm] = []
        if posted is not None:
            self.mode = "any" if posted.get(f"{prefix}-mode") == "any" else "all"
            typed = whole(posted.get(f"{prefix}-rows"))
            for number in range(min(1 if typed is None else typed, MOST_CLAUSES)):
                name = f"{prefix}-{number}"
                if redraw:
                    self.forms.append(ClauseForm(registry, kinds, initial=_typed(posted, name), prefix=name))
                else:
                    self.forms.append(ClauseForm(registry, kinds, posted, prefix=name))
        elif stored:
            self.mode, clauses = next(iter(stored.items()))
            for number, clause in enumerate(clauses):
                self.forms.append(ClauseForm(registry, kinds, initial=clause_initial(clause), prefix=f"{prefix}-{number}"))
        if not self.forms:
            self.forms.append(ClauseForm(registry, kinds, prefix=f"{prefix}-0"))

    def add(self, registry: Registry, kinds: list[tuple[str, str]]) -> None:
        if len(self.forms) < MOST_CLAUSES:
            self.forms.append(ClauseForm(registry, kinds, prefix=f"{self.prefix}-{len(self.forms)}"))

    @property
    def is_valid(self) -> bool:
        return all([form.is_valid() for form in self.forms])

    @property
    def data(self) -> dict[str, Any]:
        return {self.mode: [clause for form in self.forms if (clause := form.data_of) is not None]}

    def blame(self, path: str, message: str) -> bool:
        """Show a refusal at the row it speaks about; False when the path names none."""
        found = re.search(r"(?:all|any)(?:\[(\d+)\](?:\.(\w+))?)?", path)
        if not found:
            return False
        rows = [form for form in self.forms if form.data_of is not None] or self.forms
        form = rows[min(int(found[1] or 0), len(rows) - 1)]
        name = {"values": "text" if "text" in form.fields else "values", "event": "kinds"}.get(found[2], found[2] or "field")
        form.add_error(name if name in form.fields else None, message)
        return True


class CriterionForm(forms.Form):
    """What every criterion has; tallies add what they count."""

    label = forms.CharField(label="Called", max_length=120)
    dimension = forms.ChoiceField(label="Counts for", choices=[(one, one.capitalize()) for one in DIMENSIONS])
    group = forms.ChoiceField(label="Group", required=False)
    points = forms.IntegerField(label="Points", min_value=-1000, max_value=1000)
    cap = forms.IntegerField(
        label="Cap", required=False, min_value=0, max_value=32000, help_text="At most this many points, up or down."
    )
    why = forms.CharField(label="Why", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, groups: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["group"]
        choice.choices = [("", "No group"), *groups]

    def part(self) -> dict[str, Any]:
        """The criterion's own words and numbers as in a spec."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name in CriterionForm.base_fields and value not in ("", None)
        }

    def blame(self, refused: Invalid) -> None:
        """Show a refusal at the input it speaks about."""
        name = {"window_days": "days", "when": "label"}.get(refused.field.partition(".")[0], refused.field.split(".")[-1])
        self.add_error(name if name in self.fields else None, refused.message)


class TallyForm(CriterionForm):
    """A criterion that counts what somebody did."""

    kinds = forms.MultipleChoiceField(label="Activities", required=False, widget=forms.CheckboxSelectMultiple)
    assets = forms.MultipleChoiceField(label="Only with these assets", required=False, widget=forms.CheckboxSelectMultiple)
    campaigns = forms.MultipleChoiceField(label="Only from these campaigns", required=False, widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label="In the last days", min_value=1, max_value=3650, initial=90)
    award = forms.ChoiceField(label="Points are given", choices=[("once", "once"), ("each", "each time")])
    freq_min = forms.IntegerField(label="At least", min_value=1, max_value=32000, initial=1, help_text="Fewer give nothing.")
    freq_max = forms.IntegerField(
        label="Count at most", required=False, min_value=1, max_value=32000, help_text="The newest; each time only."
    )
    half_life = forms.IntegerField(
        label="Half-life in days", required=False, min_value=1, max_value=3650, help_text="Each time only."
    )

    def __init__(self, names: dict[str, list[tuple[str, str]]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in names.items():
            if not choices and not self.initial.get(name):
                del self.fields[name]
                continue
            choice: Any = self.fields[name]
            choice.choices = chosen_first(choices, self.initial.get(name, []))

    def part(self) -> dict[str, Any]:
        given = self.cleaned_data
        event = {"kinds": given["kinds"], **{name: list(map(int, given.get(name, []))) for name in ("assets", "campaigns")}}
        numbers = {
            name: given[name] for name in ("days", "award", "freq_min", "freq_max", "half_life") if given[name] is not None
        }
        return super().part() | {"event": {key: value for key, value in event.items() if value}} | numbers


class GroupForm(forms.Form):
    label = forms.CharField(label="Called", max_length=80)
    dimension = forms.ChoiceField(label="Counts for", choices=[(one, one.capitalize()) for one in DIMENSIONS])
    cap = forms.IntegerField(label="At most", required=False, min_value=0, max_value=32000)
    floor = forms.IntegerField(label="At least", required=False, min_value=-32000, max_value=32000)


class GateForm(forms.Form):
    label = forms.CharField(label="Called", max_length=120)


class DecisionForm(forms.Form):
    """Threshold or grid, the tiers, what is an MQL and what an MQO."""

    kind = forms.ChoiceField(
        label="Decide by", choices=[("total", "the sum of fit and engagement"), ("grid", "a grid of fit and engagement")]
    )
    tiers = forms.CharField(label="Tiers, lowest first", max_length=200, help_text="Parted by commas, such as D, C, B, A.")
    edges = forms.CharField(
        label="Tiers begin at", required=False, max_length=200, help_text="One number less than tiers, going up."
    )
    fit_edges = forms.CharField(label="Fit bands begin at", required=False, max_length=200)
    engagement_edges = forms.CharField(label="Engagement bands begin at", required=False, max_length=200)
    grid = forms.CharField(
        label="Grid",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One line for each fit band, the lowest first; in it a tier for each engagement band.",
    )
    mql_from = forms.CharField(label="MQL from tier", max_length=20)
    mqo_tiers = forms.CharField(label="MQO in tiers", required=False, max_length=200, help_text="Empty: no MQO.")

    def part(self) -> dict[str, Any]:
        given = self.cleaned_data
        decision: dict[str, Any] = {
            "kind": given["kind"],
            "tiers": split_values(given["tiers"]),
            "mql_from": given["mql_from"].strip(),
        }
        if given["kind"] == "total":
            return decision | {"edges": _numbers(given["edges"])}
        rows = [re.split(r"[\s,;]+", line.strip()) for line in given["grid"].splitlines() if line.strip()]
        return decision | {
            "fit_edges": _numbers(given["fit_edges"]),
            "engagement_edges": _numbers(given["engagement_edges"]),
            "grid": rows,
        }

    def blame(self, refused: Invalid) -> None:
        name = refused.field.partition(".")[0].partition("[")[0]
        name = {"mqo": "mqo_tiers"}.get(name, name)
        self.add_error(name if name in self.fields else None, refused.message)

    @staticmethod
    def initial_of(decision: Mapping[str, Any]) -> dict[str, Any]:
        """What the form shows for a decision of a spec."""
        shown: dict[str, Any] = {"kind": decision.get("kind", "total"), "mql_from": decision.get("mql_from", "")}
        for name in ("tiers", "edges", "fit_edges", "engagement_edges"):
            shown[name] = ", ".join(map(str, decision.get(name, [])))
        shown["grid"] = "\n".join(" ".join(row) for row in decision.get("grid", []))
        shown["mqo_tiers"] = ", ".join((decision.get("mqo") or {}).get("tiers", []))
        return shown


def _numbers(text: str) -> list[Any]:
    """Whole numbers where they are some; what is none stays as it is, for the refusal to name it."""
    return [int(part) if re.fullmatch(r"-?\d{1,9}", part) else part for part in split_values(text)]


class BoundsForm(forms.Form):
    fit_floor = forms.IntegerField(label="Fit at least", required=False)
    fit_ceiling = forms.IntegerField(label="Fit at most", required=False)
    engagement_floor = forms.IntegerField(label="Engagement at least", required=False)
    engagement_ceiling = forms.IntegerField(label="Engagement at most", required=False)

    def part(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            one: {name: given[f"{one}_{name}"] for name in ("floor", "ceiling") if given[f"{one}_{name}"] is not None}
            for one in DIMENSIONS
        }

    @staticmethod
    def initial_of(bounds: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{one}_{name}": bounds.get(one, {}).get(name) for one in DIMENSIONS for name in ("floor", "ceiling")}
