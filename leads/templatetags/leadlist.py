"""The rows of the lead list, each written in one go: node by node, fifty rows cost more than everything else on the page."""

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from leads.columns import Row
from leads.markup import fill
from leads.slots import LeadColumn
from leads.templatetags.accord import day
from leads.templatetags.work import stage_badge

register = template.Library()
DASH = mark_safe('<span class="p-muted">–</span>')  # noqa: S308 - our own words
NUMERIC = mark_safe(' class="p-num"')  # noqa: S308


def _clipped(label: str, text: str) -> SafeString:
    if not text:
        return fill('<td data-label="{}" class="is-unknown">{}</td>', label, DASH)  # a card on the phone leaves it out
    return fill('<td data-label="{0}"><bdi class="p-clip" title="{1}">{1}</bdi></td>', label, text)


def _added(column: LeadColumn, value: object) -> SafeString:
    """A cell of a layer above; what is not known is a dash everywhere."""
    shown: Any = DASH if value is None or value == "" else column.draw(value) if column.draw else value
    return fill('<td data-label="{}"{}>{}</td>', column.label, NUMERIC if column.numeric else "", shown)


@register.simple_tag
def lead_row(row: Row, *, with_check: bool) -> SafeString:
    """The row of a lead; its first link opens it. Whatever names contain is shown as text."""
    lead, name = row.lead, row.lead.name
    check = (
        fill(
            '<td class="p-table-check"><input type="checkbox" name="ids" value="{}" form="bulk" class="p-check" data-bulk data-key="x" '
            'aria-label="Select {}"></td>',
            lead.pk,
            name,
        )
        if with_check
        else ""
    )
    added = SafeString("".join(_added(column, value) for column, value in row.cells))
    return fill(
        '<tr data-row data-href="{address}" tabindex="-1">{check}'
        '<td data-label="Name"><a class="p-strong p-clip" data-open href="{address}" title="{name}"><bdi>{name}</bdi></a></td>'
        '{company}{title}<td data-label="Stage">{stage}</td>{added}{source}{owner}'
        '<td data-label="Came in" class="p-nowrap p-muted">{created}</td></tr>',
        address=row.address,
        check=check,
        name=name,
        company=_clipped("Company", str(lead.company or "")),
        title=_clipped("Title", lead.job_title),
        stage=stage_badge(lead.stage),
        added=added,
        source=_clipped("Source", lead.first_source),
        owner=_clipped("Owner", str(lead.owner or "")),
        created=day(lead.created_at),
    )
