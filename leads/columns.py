"""The columns of the lead list and its exports: the built-in ones and those the layers above add."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Case, F, IntegerField, OrderBy, QuerySet, Value, When

from leads.choices import Stage
from leads.models import Lead
from leads.slots import LeadColumn, slots


@dataclass(frozen=True, slots=True)
class Row:
    """A lead as the list shows it: where its page is, and the values of the columns that the layers above add."""

    lead: Lead
    address: str
    cells: list[tuple[LeadColumn, object]]


def _as_is(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    return leads


def _with_place(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The place of the stage in the funnel, to sort by."""
    steps = [When(stage=stage, then=Value(place)) for place, stage in enumerate(Stage)]
    return leads.alias(stage_place=Case(*steps, output_field=IntegerField()))


def _column(
    key: str,
    label: str,
    order: int,
    value: Callable[[Lead], object],
    ordering: str,
    annotate: Callable[[QuerySet[Lead]], QuerySet[Lead]] = _as_is,
    place: Callable[[QuerySet[Lead]], QuerySet[Lead]] | None = None,
) -> LeadColumn:
    return LeadColumn(key=key, label=label, order=order, annotate=annotate, value=value, ordering=(ordering,), place=place)


WHO_AND_WHERE: tuple[LeadColumn, ...] = (
    _column("name", "Name", 10, lambda lead: lead.name, "sort_name"),
    _column("company", "Company", 20, lambda lead: lead.company.name if lead.company else "", "company__name_key"),
    _column("title", "Title", 30, lambda lead: lead.job_title, "job_title"),
    _column("stage", "Stage", 40, lambda lead: lead.get_stage_display(), "stage_place", _with_place),
)
WHERE_FROM: tuple[LeadColumn, ...] = (
    _column("source", "Source", 70, lambda lead: lead.first_source, "first_source"),
    _column("owner", "Owner", 80, lambda lead: lead.owner.full_name if lead.owner else "", "owner__full_name", place=_as_is),
    _column("created", "Came in", 90, lambda lead: lead.created_at, "created_at"),
)
NEWEST_FIRST = (F("created_at").desc(), F("pk").desc())
# An index reads these in order at any size, up or down. By a column with a `place` lists of up to `MOST_PLACED` leads can be
# sorted, by others only lists that are counted whole.
_INDEXED: dict[str, tuple[OrderBy, ...]] = {
    "name": (F("sort_name").asc(), F("pk").asc()),
    "source": (F("first_source").asc(), *NEWEST_FIRST),
    "created": (F("created_at").asc(), F("pk").asc()),
}
SORTED_AT_ANY_SIZE = frozenset(_INDEXED)
MOST_PLACED = 400_000


def slot_columns() -> list[LeadColumn]:
    """The columns of the layers above, in their order."""
    return sorted(slots.lead_columns, key=lambda column: column.order)


def list_columns() -> list[LeadColumn]:
    """All columns as the list shows them: who and where, what the layers above say, where from."""
    return [*WHO_AND_WHERE, *slot_columns(), *WHERE_FROM]


def sort_column(sort: str, columns: Sequence[LeadColumn]) -> LeadColumn | None:
    """The column that `sort` ("key" or "-key") names; None when there is none or it cannot be sorted."""
    key = sort.removeprefix("-")
    return next((column for column in columns if column.key == key and column.ordering), None)


def ordering_of(column: LeadColumn, *, down: bool) -> tuple[OrderBy, ...]:
    """Order by the column, what is unknown last, equals the newest first: never left to chance."""
    if column.key in _INDEXED:
        return tuple(OrderBy(item.expression, descending=item.descending != down) for item in _INDEXED[column.key])
    return (
        *(
            OrderBy(F(name.removeprefix("-")), descending=name.startswith("-") != down, nulls_last=True)
            for name in column.ordering
        ),
        *NEWEST_FIRST,
    )
