"""The filters of the lead list, one set for the page, its fragment and the exports, so that they can never disagree."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from django import forms
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.http import QueryDict
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from leads.choices import WITH_MARKETING, WITH_SALES, ContactProblem, FieldType, Stage
from leads.models import Campaign, ImportRun, Lead, LeadField, Submission, User
from leads.querysets import LeadQuerySet, team_mates
from leads.roles import BY_KEY, SALES
from leads.slots import slots
from leads.wordsearch import LONGEST_TEXT, matching

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_CHOICES = 200
MOST_IMPORTS = 50
LARGEST = 1e300
OWN = "x_"  # what the parameters of a company's own fields begin with


class QuickSelect(forms.Select):
    """A select drawn in one go: the stock one renders a template an option, which dominates pages with many options."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = {str(item) for item in value} if isinstance(value, list | tuple) else {"" if value is None else str(value)}
        attributes = self.build_attrs(self.attrs, attrs)
        return format_html(
            '<select name="{}"{}>{}</select>',
            name,
            format_html_join("", ' {}="{}"', ((key, text) for key, text in attributes.items() if text not in (None, False))),
            format_html_join("", "{}", ((self._drawn(key, label, chosen),) for key, label in self.choices)),
        )

    def _drawn(self, key: Any, label: Any, chosen: set[str]) -> SafeString:
        if isinstance(label, list | tuple):
            inner = format_html_join("", "{}", ((self._drawn(one, text, chosen),) for one, text in label))
            return format_html('<optgroup label="{}">{}</optgroup>', key, inner)
        mark = SafeString(" selected") if str(key) in chosen else ""
        return format_html('<option value="{}"{}>{}</option>', key, mark, label)


class PairWidget(filters.widgets.RangeWidget):  # type: ignore[misc]
    """Two inputs, from and to, each with a label of its own for who cannot see them side by side."""

    suffixes = ("min", "max")

    def __init__(self, label: str, kind: str) -> None:
        super().__init__(attrs={"type": kind})
        shared = {"step": "any", "inputmode": "decimal"} if kind == "number" else {}
        for widget, word in zip(self.widgets, ("from", "to"), strict=True):
            widget.attrs |= {"aria-label": f"{label} {word}", **shared}
            if kind == "number":
                widget.attrs["placeholder"] = word

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        return format_html('<span class="p-pair">{}</span>', super().render(name, value, attrs, renderer))


class DatePairWidget(PairWidget):
    suffixes = ("after", "before")


def choice_filter(
    label: str, choices: "Iterable[tuple[Any, Any]]", method: Any = None, empty: str = "Any"
) -> filters.ChoiceFilter:
    return filters.ChoiceFilter(label=label, choices=list(choices), method=method, empty_label=empty, widget=QuickSelect)


class LeadFilter(filters.FilterSet):  # type: ignore[misc]
    """What the lead list can be narrowed by; its queryset is what `user` may see."""

    q = filters.CharFilter(
        label="Search",
        method="with_words",
        max_length=LONGEST_TEXT,
        widget=forms.TextInput(attrs={"placeholder": "Name, company, e-mail, title", "maxlength": LONGEST_TEXT}),
    )
    stage = choice_filter(
        "Stage",
        [
            *((stage.value, stage.label) for stage in Stage),
            ("Whose turn", [("with-marketing", "All with marketing"), ("with-sales", "All with sales")]),
        ],
        method="in_stage",
    )
    created = filters.DateFromToRangeFilter(label="Came in", field_name="created_at", widget=DatePairWidget("Came in", "date"))
    contact = choice_filter(
        "Contact",
        [
            ("usable", "Can be reached"),
            ("unusable", "Cannot be reached"),
            ("Why not", [(problem.value, problem.label) for problem in ContactProblem]),
        ],
        method="with_contact",
    )

    filters: dict[str, filters.Filter]
    more: tuple[str, ...]

    class Meta:
        model = Lead
        fields = ()

    def __init__(self, data: QueryDict | None, *, user: User, queryset: QuerySet[Lead] | None = None) -> None:
        visible = Lead.objects.visible_to(user) if queryset is None else queryset
        super().__init__(data if data is not None else QueryDict(), queryset=visible)
        self.user = user
        early: dict[str, filters.Filter] = {"q": self.filters.pop("q"), "stage": self.filters.pop("stage")}
        self.slot_filters = [(column, column.filters()) for column in slots.lead_columns if column.filters]
        for _, named in self.slot_filters:
            early |= named
        known = _values(user)
        early["source"] = choice_filter("Source", _pairs(known["source"]), self.with_source)
        if user.has_perm("leads.see_all_leads") or user.has_perm("leads.see_team_leads"):
            early["owner"] = choice_filter("Owner", _owners(user), self.with_owner)
        late: dict[str, filters.Filter] = {
            "campaign": choice_filter("Campaign", Campaign.objects.values_list("pk", "name")[:MOST_CHOICES], self.with_campaign),
            "country": choice_filter("Country", _pairs(known["country"]), self.with_country),
            **self.filters,
        }
        if user.has_perm("leads.import_leads"):
            late["import"] = choice_filter("Import", _imports(), self.with_import)
        self.own_fields = list(LeadField.objects.filter(active=True))
        late |= {f"{OWN}{field.key}": own_filter(field) for field in self.own_fields}
        self.filters = early | late
        self.more = tuple(late)
        for filter_ in self.filters.values():
            filter_.parent, filter_.model = self, Lead

    def filter_queryset(self, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        for column, named in self.slot_filters:
            if any(self.form.cleaned_data.get(name) not in (None, "", []) for name in named):
                queryset = column.annotate(queryset)
        narrowed: QuerySet[Lead] = super().filter_queryset(queryset)
        return narrowed

    def with_words(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        return matching(queryset, value)

    def in_stage(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        groups = {"with-marketing": WITH_MARKETING, "with-sales": WITH_SALES}
        return queryset.filter(stage__in=sorted(groups.get(value, {value})))

    def with_source(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        return queryset.filter(first_source=value)

    def with_owner(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        if value == "nobody":
            return queryset.filter(owner__isnull=True)
        return queryset.filter(owner=self.user.pk if value == "me" else int(value))

    def with_campaign(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        return queryset.filter(first_campaign=int(value))

    def with_import(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        brought = Submission.objects.filter(import_run=int(value), lead=OuterRef("pk")).exclude(status=Submission.Status.REFUSED)
        return queryset.filter(Exists(brought))

    def with_country(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        return queryset.filter(country=value)

    def with_contact(self, queryset: LeadQuerySet, name: str, value: str) -> LeadQuerySet:
        if value in ("usable", "unusable"):
            return queryset.exclude(contact_problem="") if value == "unusable" else queryset.filter(contact_problem="")
        return queryset.filter(contact_problem=value)


def own_filter(field: LeadField) -> filters.Filter:
    """The filter that fits the type of a company's own field."""
    key, label = field.key, field.label

    def holds(queryset: QuerySet[Lead], name: str, value: Any) -> QuerySet[Lead]:
        if field.type == FieldType.BOOLEAN:
            return queryset.filter(attributes__contains={key: value == "yes"})
        return queryset.filter(attributes__contains={key: [value] if field.type == FieldType.MULTI else value})

    alias = f"{OWN}{key}"

    def says(queryset: QuerySet[Lead], name: str, value: str) -> QuerySet[Lead]:
        return queryset.alias(**{alias: KeyTextTransform(key, "attributes")}).filter(**{f"{alias}__icontains": value})

    def between(queryset: QuerySet[Lead], name: str, value: slice) -> QuerySet[Lead]:
        queryset = queryset.alias(**{alias: KeyTransform(key, "attributes")})
        for bound, lookup in ((value.start, "gte"), (value.stop, "lte")):
            if bound is not None:
                plain = max(-LARGEST, min(LARGEST, float(bound))) if field.type == FieldType.NUMBER else bound.date().isoformat()
                queryset = queryset.filter(**{f"{alias}__{lookup}": plain})
        return queryset

    match field.type:
        case FieldType.CHOICE | FieldType.MULTI:
            return choice_filter(label, _pairs(field.choices[:MOST_CHOICES]), holds)
        case FieldType.BOOLEAN:
            return choice_filter(label, [("yes", "Yes"), ("no", "No")], holds)
        case FieldType.NUMBER:
            return filters.RangeFilter(label=label, method=between, widget=PairWidget(label, "number"))
        case FieldType.DATE:
            return filters.DateFromToRangeFilter(label=label, method=between, widget=DatePairWidget(label, "date"))
        case _:
            return filters.CharFilter(label=label, method=says, max_length=200)


def _pairs(values: "Iterable[str]") -> list[tuple[str, str]]:
    return [(value, value) for value in values]


# The distinct values of two indexed columns without reading all rows: each step looks up the next larger one.
_DISTINCT = """
WITH RECURSIVE sources AS (
    (SELECT first_source AS value FROM leads_lead WHERE first_source > '' ORDER BY first_source LIMIT 1)
    UNION ALL
    SELECT (SELECT first_source FROM leads_lead WHERE first_source > sources.value ORDER BY first_source LIMIT 1)
    FROM sources WHERE sources.value IS NOT NULL
), countries AS (
    (SELECT country AS value FROM leads_lead WHERE country > '' ORDER BY country LIMIT 1)
    UNION ALL
    SELECT (SELECT country FROM leads_lead WHERE country > countries.value ORDER BY country LIMIT 1)
    FROM countries WHERE countries.value IS NOT NULL
)
(SELECT 'source' AS name, value FROM sources WHERE value IS NOT NULL LIMIT %(most)s)
UNION ALL
(SELECT 'country', value FROM countries WHERE value IS NOT NULL LIMIT %(most)s)
"""


def _values(user: User) -> dict[str, list[str]]:
    """The first `MOST_CHOICES` sources and countries of the leads this person sees, in order."""
    if not user.has_perm("leads.see_all_leads"):
        pairs = list(Lead.objects.visible_to(user).order_by().values_list("first_source", "country").distinct())
        sources, countries = ({pair[at] for pair in pairs} - {""} for at in (0, 1))
        return {"source": sorted(sources)[:MOST_CHOICES], "country": sorted(countries)[:MOST_CHOICES]}
    found: dict[str, list[str]] = {"source": [], "country": []}
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT, {"most": MOST_CHOICES})
        for name, value in cursor.fetchall():
            found[name].append(value)
    return found


def sources_known() -> list[str]:
    """The first `MOST_CHOICES` sources that leads have, whoever sees them, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT, {"most": MOST_CHOICES})
        return [value for name, value in cursor.fetchall() if name == "source"]


def _imports() -> list[tuple[Any, Any]]:
    """The newest imports of leads, each by its file and day."""
    runs = ImportRun.objects.filter(kind="leads", finished_at__isnull=False).order_by("-pk")
    named = runs.values_list("pk", "file_name", "finished_at")[:MOST_IMPORTS]
    return [(pk, f"{name}, {timezone.localtime(at):%d %b %Y}") for pk, name, at in named]


def _owners(user: User) -> list[tuple[Any, Any]]:
    """Who may be the owner of leads this person sees."""
    people = User.objects.filter(groups__name__in=[BY_KEY[role].label for role in SALES]).distinct()
    if not user.has_perm("leads.see_all_leads"):
        people = people.filter(Q(pk=user.pk) | Q(pk__in=team_mates(user)))
    named: list[tuple[Any, Any]] = list(people.order_by("full_name", "pk").values_list("pk", "full_name"))
    me = [("me", "Me")] if any(pk == user.pk for pk, _ in named) else []
    nobody = [("nobody", "Nobody")] if user.has_perm("leads.see_all_leads") else []
    return [*me, *nobody, *named]
