"""Rows written in one go escape like the rest of the portal."""

import pytest
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from leads.markup import fill

VALUES = (
    "<script>alert('x')</script>",
    'a "quoted" & <b>bold</b> name',
    mark_safe("<b>ours</b>"),  # noqa: S308 - the test's own words
    7,
    -1,
    True,
    None,
    2.5,
    gettext_lazy("Yes"),
    "{0} {name} %s",
)


@pytest.mark.parametrize("value", VALUES)
def test_same_as_djangos(value):
    assert fill("<i title='{}'>{}</i>", value, value) == format_html("<i title='{}'>{}</i>", value, value)
    assert fill("<i>{name}</i>", name=value) == format_html("<i>{name}</i>", name=value)


def test_result_is_safe_once():
    assert fill("<p>{}</p>", fill("<b>{}</b>", "<")) == "<p><b>&lt;</b></p>"
