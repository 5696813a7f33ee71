"""Forms of the draft page: each gives the JSON of a part of a spec, and shows a refusal where it belongs."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.text import slugify

from leads.errors import Invalid
from scoring.offered import EVENT_PICKS, NOTHING_PICKED, Shown, event_of
from scoring.spec import DIMENSIONS


def split_values(text: str) -> list[str]:
    """Values written in one line, parted by commas or semicolons."""
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def make_key(label: str, taken: Iterable[str]) -> str:
    """A key made of a label's words that is not taken yet."""
    plain = re.sub(r"[^a-z0-9]+", "_", slugify(label).replace("-", "_")).strip("_")[:36]
    base = plain if plain[:1].isalpha() else f"c_{plain}".rstrip("_")
    held, key, number = set(taken), base, 2
    while key in held:
        key, number = f"{base[:36]}_{number}", number + 1
    return key


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
        self.add_error(name if name in self.fields else None, refused.here)


class TallyForm(CriterionForm):
    """A criterion that counts what somebody did."""

    days = forms.IntegerField(label="In the last days", min_value=1, max_value=3650, initial=90)
    award = forms.ChoiceField(label="Points are given", choices=[("once", "once"), ("each", "each time")])
    freq_min = forms.IntegerField(label="At least", min_value=1, max_value=32000, initial=1, help_text="Fewer give nothing.")
    freq_max = forms.IntegerField(
        label="Count at most", required=False, min_value=1, max_value=32000, help_text="The newest; each time only."
    )
    half_life = forms.IntegerField(
        label="Half-life in days", required=False, min_value=1, max_value=3650, help_text="Each time only."
    )

    def __init__(self, shown: Shown, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(shown.event_picks(self.initial))

    @property
    def picks(self) -> list[Any]:
        return [self[name] for name in EVENT_PICKS if name in self.fields]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not event_of(given):
            self.add_error("kinds", NOTHING_PICKED)
        for name in ("freq_max", "half_life"):
            if given.get("award") == "once" and given.get(name) is not None:
                self.add_error(name, "Only where points are given each time: choose that, or leave this empty.")
        least, most = given.get("freq_min"), given.get("freq_max")
        if least is not None and most is not None and most < least:
            self.add_error("freq_max", f"“At least” asks for {least} already: this has to be {least} or more.")
        return given

    def part(self) -> dict[str, Any]:
        given = self.cleaned_data
        numbers = {
            name: given[name] for name in ("days", "award", "freq_min", "freq_max", "half_life") if given[name] is not None
        }
        return super().part() | {"event": event_of(given)} | numbers


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
        self.add_error(name if name in self.fields else None, refused.here)

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
