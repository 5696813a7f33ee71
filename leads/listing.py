"""A list of leads as the address asks for it: filtered, sorted, one page of it; the page and the exports are made of it."""

from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from leads.columns import MOST_PLACED, NEWEST_FIRST, SORTED_AT_ANY_SIZE, Row, list_columns, ordering_of, slot_columns, sort_column
from leads.filters import LeadFilter
from leads.models import Lead, User
from leads.paging import MOST_ROWS, BoundedPage, BoundedPaginator
from leads.slots import LeadColumn

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Head:
    """A column as the head of the table shows it; without `sorts` it cannot be sorted now."""

    column: LeadColumn
    sorts: bool


class LeadListing:
    """The leads `user` sees under the parameters of the address. Three queries: count, ids of the page, their rows.

    With `among` it is a list of those leads alone, all of which `user` may see.
    """

    def __init__(self, params: QueryDict, user: User, among: QuerySet[Lead] | None = None) -> None:
        self.params = params
        self.columns = list_columns()
        self.filter = LeadFilter(params, user=user, queryset=among)
        self.paginator = BoundedPaginator(self.filter.qs, PAGE_SIZE)
        self.sort = params.get("sort", "")

    @cached_property
    def total(self) -> int | None:
        """How many leads match, counted whole when the address asks for it; None where that is not asked or not needed."""
        return self.filter.qs.count() if self.paginator.is_cut and self.params.get("total") else None

    @cached_property
    def sorted_by(self) -> LeadColumn | None:
        """The column the list is really sorted by; None for newest first."""
        column = sort_column(self.sort, self.columns)
        return column if column is not None and self.can_sort(column) else None

    @property
    def sort_refused(self) -> LeadColumn | None:
        """The column that was asked for and that only shorter lists can be sorted by."""
        column = sort_column(self.sort, self.columns)
        return column if column is not None and not self.can_sort(column) else None

    @property
    def most_sorted(self) -> int:
        """How many leads a list may have to be sorted by the column that was refused."""
        return MOST_PLACED if self.sort_refused and self.sort_refused.place else MOST_ROWS

    def can_sort(self, column: LeadColumn) -> bool:
        if column.key in SORTED_AT_ANY_SIZE or not self.paginator.is_cut:
            return True
        return column.place is not None and not self._is_vast

    @cached_property
    def _is_vast(self) -> bool:
        """Whether more leads match than can be put in order while somebody waits; asked only of what is sorted so."""
        return bool(self.filter.qs.order_by().values("pk")[: MOST_PLACED + 1].count() > MOST_PLACED)

    @property
    def heads(self) -> list[Head]:
        refused = self.sort_refused
        return [
            Head(column, sorts=bool(column.ordering) and column is not refused and self._offers(column))
            for column in self.columns
        ]

    def _offers(self, column: LeadColumn) -> bool:
        """Whether the head offers to sort by the column; a list that proves too long for it says so when it is asked."""
        return column.place is not None or self.can_sort(column)

    @cached_property
    def ordered(self) -> QuerySet[Lead]:
        """All leads of the list in its order, without what only cells need."""
        leads: QuerySet[Lead] = self.filter.qs
        column = self.sorted_by
        if column is None:
            return leads.order_by(*NEWEST_FIRST)
        return (column.place or column.annotate)(leads).order_by(*ordering_of(column, down=self.sort.startswith("-")))

    @cached_property
    def page(self) -> BoundedPage:
        """The page of leads the address asks for, with everything its cells show."""
        self.paginator.object_list = self.ordered.values_list("pk", flat=True)
        page = self.paginator.get_page(self.params.get("page"))
        ids = list(page.object_list)
        found = {lead.pk: lead for lead in self.complete(Lead.objects.filter(pk__in=ids))}
        added = slot_columns()
        leads = (found[pk] for pk in ids if pk in found)
        base = reverse("admin:lead-list")
        page.object_list = [Row(lead, f"{base}{lead.pk}/", [(column, column.value(lead)) for column in added]) for lead in leads]
        return page

    def complete(self, leads: QuerySet[Lead]) -> QuerySet[Lead]:
        """The same leads with what cells and exports show, read in the same query."""
        for column in self.columns:
            leads = column.annotate(leads)
        return leads.select_related("company", "owner", "first_campaign").defer("search", "folded", "field_times")

    @property
    def query(self) -> str:
        """The parameters without the page, as exports take them."""
        params = self.params.copy()
        for name in ("page", "total"):
            params.pop(name, None)
        for name in [name for name, values in params.lists() if not any(values)]:
            del params[name]
        return params.urlencode()
