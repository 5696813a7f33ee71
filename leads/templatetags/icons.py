"""The icons of the sprite that stands once in every page."""

from functools import lru_cache

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)  # a page draws the same few a hundred times
def icon(name: str, *, size: int = 16, label: str = "") -> SafeString:
    """An icon of the sprite: decorative, or with `label` an image that says so."""
    role = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')  # noqa: S308
    return format_html('<svg class="p-icon" width="{0}" height="{0}" {1}><use href="#i-{2}"/></svg>', size, role, name)
