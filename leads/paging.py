"""Pages of long lists that cost the same at a thousand rows and at a million: only the first rows are counted and shown."""

from functools import cached_property
from typing import Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.db.models import QuerySet

MOST_ROWS = 10_000


class BoundedPage(Page[Any]):
    """A page whose last row is one it shows; `beyond` is the page asked for when there is none of that number."""

    paginator: "BoundedPaginator"
    beyond: int | None = None

    def end_index(self) -> int:
        return min(super().end_index(), self.paginator.limit)


class BoundedPaginator(Paginator[Any]):
    """Counts up to `limit` and says `limit` + 1 above; pages end there, and who needs more narrows the list or exports it."""

    object_list: QuerySet[Any]

    def __init__(self, rows: QuerySet[Any], per_page: int, *, limit: int = MOST_ROWS) -> None:
        super().__init__(rows, per_page)
        self.limit = limit

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by().values("pk")[: self.limit + 1].count()

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than pages can show."""
        return self.count > self.limit

    @cached_property
    def num_pages(self) -> int:
        return max(1, -(-min(self.count, self.limit) // self.per_page))

    def _get_page(self, *args: Any, **kwargs: Any) -> BoundedPage:
        return BoundedPage(*args, **kwargs)

    def get_page(self, number: Any) -> BoundedPage:
        """The page of this number; the first for what is no number, the last, which says so, for one beyond."""
        wanted, beyond = 1, None
        try:
            wanted = self.validate_number(number)
        except PageNotAnInteger:
            pass
        except EmptyPage:
            wanted = self.num_pages
            beyond = int(number) if int(number) > wanted else None
        page = self.page(wanted)
        assert isinstance(page, BoundedPage)
        page.beyond = beyond
        return page
