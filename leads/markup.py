"""Markup written by the hundred: what a list of fifty rows is made of."""

from __future__ import annotations

from html import escape
from typing import Any

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString


def fill(markup: str, /, *values: Any, **named: Any) -> SafeString:
    """`markup` with its places filled, each value escaped unless it is safe already.

    The same rule as Django's `format_html` in a fifth of its time: that one asks of every value whether it is a lazy
    translation first. `markup` itself must be the portal's own words.
    """
    return SafeString(markup.format(*map(shown, values), **{name: shown(value) for name, value in named.items()}))


def shown(value: Any) -> str:
    """A value as markup may hold it."""
    kind = type(value)
    if kind is SafeString:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return escape(value)
    if kind is int:
        return str(value)
    return conditional_escape(value)
