"""The filters of the rejection review, one set for the page, its parts and the export, so that they can never disagree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet

from handoff.models import Handoff, RejectionReview, Rep
from leads.filters import MOST_CHOICES, QuickSelect, choice_filter
from leads.lib.folding import fold
from leads.models import Campaign, Reason, User

PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("all", "All time"))
DEFAULT_PERIOD = "30"
REVIEWED = (("no", "Not reviewed"), ("yes", "Reviewed"), ("Verdict", list(RejectionReview.Verdict.choices)))
LARGEST_SCORE = 100_000
ORDER = ("q", "reason", "period", "reviewed", "rep", "score_min", "source", "campaign")


class RejectionFilter(filters.FilterSet):  # type: ignore[misc]
    """What the review can be narrowed by. `now` is when the period ends."""

    more: ClassVar[tuple[str, ...]] = ("rep", "score_min", "source", "campaign")

    q = filters.CharFilter(
        label="Search",
        method="with_words",
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "Name, company, note", "maxlength": 100}),
    )
    period = filters.ChoiceFilter(label="Period", choices=PERIODS, method="in_period", empty_label=None, widget=QuickSelect)
    reviewed = choice_filter("Review", REVIEWED, method="with_review")
    score_min = filters.NumberFilter(
        label="Score from", field_name="score", lookup_expr="gte", min_value=-LARGEST_SCORE, max_value=LARGEST_SCORE,
        widget=forms.NumberInput(attrs={"step": 1}),
    )  # fmt: skip

    class Meta:
        model = Handoff
        fields = ()

    def __init__(
        self, data: Mapping[str, Any] | None, *, queryset: QuerySet[Handoff], now: datetime, sources: Collection[str]
    ) -> None:
        given = data.copy() if data is not None and hasattr(data, "copy") else dict(data or {})
        given.setdefault("period", DEFAULT_PERIOD)
        super().__init__(given, queryset=queryset)
        self.now = now
        reasons = Reason.objects.filter(for_reject=True).order_by("position", "label").values_list("code", "label")
        reps = (
            User.objects.filter(pk__in=Rep.objects.values("user_id")).order_by("full_name", "pk").values_list("pk", "full_name")
        )
        late = {
            "reason": choice_filter("Reason", reasons, self.with_reason),
            "rep": choice_filter("Rep", reps[:MOST_CHOICES], self.with_rep),
            "source": choice_filter("Source", [(name, name) for name in sources], self.with_source),
            "campaign": choice_filter("Campaign", Campaign.objects.values_list("pk", "name")[:MOST_CHOICES], self.with_campaign),
        }
        for one in late.values():
            one.parent, one.model = self, Handoff
        every: dict[str, filters.Filter] = {**vars(self)["filters"], **late}
        self.filters = {name: every[name] for name in ORDER}

    @property
    def days(self) -> int | None:
        """The length of the period; None for all time."""
        chosen = self.form.cleaned_data.get("period") if self.form.is_valid() else DEFAULT_PERIOD
        return None if chosen == "all" else int(chosen or DEFAULT_PERIOD)

    def without(self, *names: str, of: QuerySet[Handoff] | None = None) -> QuerySet[Handoff]:
        """The list, or other hand-offs, narrowed by everything but these."""
        narrowed: QuerySet[Handoff] = self.queryset.all() if of is None else of
        if not self.form.is_valid():
            return narrowed
        for name, value in self.form.cleaned_data.items():
            if name not in names:
                narrowed = self.filters[name].filter(narrowed, value)
        return narrowed

    def with_words(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        for word in fold(value).split():
            found = Q(lead__search__contains=word) | Q(lead__company__name_key__contains=word) | Q(note__icontains=word)
            queryset = queryset.filter(found)
        return queryset

    def in_period(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        if value == "all":
            return queryset
        return queryset.filter(answered_at__gt=self.now - timedelta(days=int(value)))

    def with_review(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        if value in ("no", "yes"):
            return queryset.filter(review__isnull=value == "no")
        return queryset.filter(review__verdict=value)

    def with_reason(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        return queryset.filter(reason__code=value)

    def with_rep(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        return queryset.filter(owner=int(value))

    def with_source(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        return queryset.filter(lead__first_source=value)

    def with_campaign(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        return queryset.filter(lead__first_campaign=int(value))
