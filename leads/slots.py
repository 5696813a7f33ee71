"""Places on this layer's pages that the layers above fill in their `ready()`: an empty slot leaves its part out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import django_filters
    from django.db.models import Exists, QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString
    from pydantic import BaseModel

    from leads.models import ImportRun, Lead, User


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of the sidebar (and, with `tab`, of the phone's tab bar), shown to who holds one of `permissions`."""

    key: str
    label: str
    icon: str
    url_name: str
    order: int
    permissions: tuple[str, ...] = ()
    shortcut: str = ""
    tab: bool = False
    badge: "Callable[[User], int] | None" = None


@dataclass(frozen=True, slots=True)
class LeadPanel:
    """A card of the lead page. `context` answers None to leave the card out; `column` is "main" or "side"."""

    key: str
    order: int
    template: str
    context: "Callable[[HttpRequest, Lead], dict[str, Any] | None]"
    column: str = "main"


@dataclass(frozen=True, slots=True)
class LeadColumn:
    """A column of the lead list and its exports.

    `annotate` adds what `value`, `filters` and `ordering` need in the one list query; `value` gives the plain value for
    exports and cells; `draw` dresses a known value for its cell, as a list draws fifty of them. With `place` a list is sorted
    without `annotate`: it adds the names of `ordering` alone, by joins that are read once, so that also long lists can be sorted.
    """

    key: str
    label: str
    order: int
    annotate: "Callable[[QuerySet[Lead]], QuerySet[Lead]]"
    value: "Callable[[Lead], object]"
    ordering: tuple[str, ...] = ()
    place: "Callable[[QuerySet[Lead]], QuerySet[Lead]] | None" = None
    draw: "Callable[[Any], SafeString] | None" = None
    numeric: bool = False
    filters: "Callable[[], dict[str, django_filters.Filter]] | None" = None


@dataclass(slots=True)
class Slots:
    """All slots of this layer."""

    nav: list[NavItem] = field(default_factory=list)
    # The bell of the top bar: where a person reads what they were told, and how much of it is new.
    bell: NavItem | None = None
    # A person's own pages, in the menu of their account.
    account: list[NavItem] = field(default_factory=list)
    lead_panels: list[LeadPanel] = field(default_factory=list)
    lead_columns: list[LeadColumn] = field(default_factory=list)
    # Lines of the import check, given a sample of the facts that would come in: "would create 138 hand-offs".
    import_forecasts: "list[Callable[[Sequence[dict[str, object]], int], list[str]]]" = field(default_factory=list)
    # Cards of a finished import's page: order, template, and context (None to leave it out).
    import_cards: "list[tuple[int, str, Callable[[HttpRequest, ImportRun], dict[str, Any] | None]]]" = field(default_factory=list)
    # Sections of the API's lead by name: lead ids in, JSON-ready value by lead id out.
    api_sections: "dict[str, Callable[[Sequence[int]], dict[int, Any]]]" = field(default_factory=dict)
    # The shapes of those sections, for the API's document.
    api_shapes: "dict[str, type[BaseModel]]" = field(default_factory=dict)
    # Cards of the home page: template and context, None to leave it out.
    home_cards: "list[tuple[int, str, Callable[[HttpRequest], dict[str, Any] | None]]]" = field(default_factory=list)
    # Whether a lead has met the criteria and was released to sales, as a condition on the lead's `pk`.
    qualified: "Callable[[], Exists] | None" = None
    # Scores given leads at once where somebody above can (imports, API); the pipeline does it anyway.
    score_now: "list[Callable[[Sequence[int]], None]]" = field(default_factory=list)


slots = Slots()
