"""Fields of a form in an order that a template says. Loaded with `{% load sentence %}`."""

from django import forms, template
from django.forms.boundfield import BoundField

register = template.Library()


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter
def field(form: forms.BaseForm, name: str) -> BoundField | None:
    """The field of this name, None when the form has none."""
    return form[name] if name in form.fields else None
