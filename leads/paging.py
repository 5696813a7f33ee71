"""Pages of long lists that cost the same at a thousand rows and at a million: only the first rows are counted and shown."""

from functools import cached_property
from typing import Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.db.models import QuerySet

MOST_ROWS = 10_000


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

    def get_page(self, number: Any) -> Page[Any]:
        """The page of this number; the first for what is no number, the last for one beyond."""
        try:
            wanted = self.validate_number(number)
        except PageNotAnInteger:
            wanted = 1
        except EmptyPage:
            wanted = self.num_pages
        return self.page(wanted)
