"""Form fields of this layer's model pages: opening hours as text, lengths of time in hours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from handoff.hours import hours_words, parse_hours

HOUR_US = 3_600_000_000
LONGEST_HOURS = 10_000


class HoursField(forms.CharField):
    """Opening hours of one day, such as 09:00-12:30, 13:00-17:30; empty is closed. `day` is its place in a painted week."""

    def __init__(self, *, day: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "max_length": 120, **kwargs})
        self.widget.attrs.setdefault("placeholder", "closed")
        if day is not None:
            self.widget.attrs["data-week-day"] = str(day)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "" if not value else hours_words(value, dash="-")
        return value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        try:
            return parse_hours(text)
        except ValueError as wrong:
            raise forms.ValidationError(str(wrong)) from None

    def validate(self, value: Any) -> None:
        """An empty day is a closed one."""

    def run_validators(self, value: Any) -> None:
        """The text was checked while it was read."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != parse_hours(str(data or ""))
        except ValueError:
            return True


class DurationField(forms.DecimalField):
    """A length of time: people see and give hours, the database keeps microseconds."""

    def __init__(self, *, longest: int = LONGEST_HOURS, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        super().__init__(max_value=longest, max_digits=9, decimal_places=3, **kwargs)
        self.widget.attrs["step"] = "any"

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return f"{Decimal(value) / HOUR_US:f}".rstrip("0").rstrip(".") if value % HOUR_US else str(value // HOUR_US)
        return value

    def clean(self, value: Any) -> Any:
        hours = super().clean(value)
        return None if hours is None else int(hours * HOUR_US)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except forms.ValidationError:
            return True


class MinutesField(forms.IntegerField):
    """A length of time: people see and give minutes, the database keeps seconds; none is 0."""

    def __init__(self, *, longest: int = 1440, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=longest, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return (value + 59) // 60 if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        return (super().clean(value) or 0) * 60

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or 0))
        except forms.ValidationError:
            return True


def hours_of(microseconds: int | None) -> str:
    """ "4 h", "1.5 h"; a dash for none."""
    return "–" if microseconds is None else f"{microseconds / HOUR_US:g} h"
