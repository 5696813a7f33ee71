"""Choosing some of many: what is chosen stands on top, the rest is listed by how often leads did it and can be searched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

LISTED = 40  # of the many the first; the others are found by their words
SHORT = 8  # so few need no search

Counts = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen, as (value, label) pairs, and how many leads there are for each value, read when it is first shown."""

    pairs: Sequence[tuple[str, str]]
    counts: Counts
    by_count: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """One of them with the leads it stands for; None: they are not counted."""

    value: str
    label: str
    count: int | None


class Picks(forms.MultipleChoiceField):
    """Any number of `offered`. What the field held before stays chosen also when it is no longer offered."""

    def __init__(self, label: str, offered: Choices, held: Sequence[str] = ()) -> None:
        self.offered = offered
        self.known = dict(offered.pairs)
        gone = [(one, one) for one in held if one not in self.known]
        super().__init__(label=label, required=False, choices=[*offered.pairs, *gone])

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> "Picked":
        return Picked(form, self, field_name)


class Picked(BoundField):
    """A `Picks` on the page: the chosen, and of the others those that hold every word of what is sought."""

    field: Picks

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        return self.field.offered.counts()

    def _choice(self, value: str) -> Choice:
        counts = self._counts
        return Choice(value, self.field.known.get(value, value), counts.get(value, 0) if counts else None)

    @cached_property
    def chosen(self) -> list[Choice]:
        return [self._choice(str(value)) for value in self.value() or ()]

    @property
    def finder(self) -> str:
        """The name of the input that searches."""
        return f"{self.html_name}-find"

    @property
    def sought(self) -> str:
        typed: Any = self.form.data.get(self.finder) if self.form.is_bound else self.form.initial.get(f"{self.name}-find")
        return str(typed or "").strip()

    @property
    def is_short(self) -> bool:
        return len(self.field.known) <= SHORT

    @property
    def total(self) -> int:
        return len(self.field.known)

    @cached_property
    def fitting(self) -> list[Choice]:
        """All that fit, the most frequent first where frequency orders them."""
        chosen = {one.value for one in self.chosen}
        words = self.sought.casefold().split()
        fitting = [
            self._choice(value)
            for value, label in self.field.offered.pairs
            if value not in chosen and all(word in label.casefold() for word in words)
        ]
        return sorted(fitting, key=lambda one: -(one.count or 0)) if self.field.offered.by_count else fitting

    @property
    def listed(self) -> list[Choice]:
        return self.fitting[:LISTED]

    @property
    def unlisted(self) -> int:
        return max(0, len(self.fitting) - LISTED)
