"""Lists of Setup: the stock cells, each with the name of its column, by which a phone shows a row as a card."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()
CELL = "<td"


@register.simple_tag
def labelled_cells(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> SafeString:
    """The cells of one row; those that are no selection and not the row's name carry their header as `data-label`."""
    return mark_safe("".join(map(_labelled, cells, headers)))  # noqa: S308 - each cell is safe or escaped


def _labelled(cell: str, header: Mapping[str, Any]) -> str:
    safe = conditional_escape(cell)
    if not safe.startswith(CELL) or "action-checkbox" in header.get("class_attrib", ""):
        return safe
    return format_html('{} data-label="{}"', mark_safe(CELL), capfirst(str(header["text"]))) + safe[len(CELL) :]  # noqa: S308
