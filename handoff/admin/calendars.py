"""Working calendars: the hours of a week and the dates that differ. Saving one that clocks run on makes its next version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from handoff.actions.revising import is_calendar_used, refuse_too_closed, version_to_write
from handoff.admin.fields import HoursField
from handoff.admin.versions import SeenForm, VersionedAdmin, tell_version
from handoff.businesstime import Calendar
from handoff.holidaybook import ends, is_short
from handoff.hours import DAYS, hours_words, week_words
from handoff.models import CalendarDay, WorkCalendar
from leads import clock
from leads.admin.base import AccordModelAdmin
from leads.errors import Invalid

WEEK = tuple(f"day_{number}" for number in range(7))
EDITED = ("name", "zone", "weekly")


class CalendarForm(SeenForm):
    """A calendar with a field of hours for each day of the week."""

    day_0 = HoursField(label=DAYS[0], day=0)
    day_1 = HoursField(label=DAYS[1], day=1)
    day_2 = HoursField(label=DAYS[2], day=2)
    day_3 = HoursField(label=DAYS[3], day=3)
    day_4 = HoursField(label=DAYS[4], day=4)
    day_5 = HoursField(label=DAYS[5], day=5)
    day_6 = HoursField(label=DAYS[6], day=6)

    from_when = forms.SplitDateTimeField(
        label="Holds from",
        required=False,
        widget=admin.widgets.AdminSplitDateTime,
        help_text="Empty: from now on. Clocks that start before run on the hours of before.",
    )

    class Meta:
        model = WorkCalendar
        fields = ("key", "name", "zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        office = {str(day): [[540, 1020]] if day < 5 else [] for day in range(7)}
        weekly = self.instance.weekly if self.instance.pk else office
        for day, name in enumerate(WEEK):
            self.initial[name] = weekly.get(str(day), [])
        if self.instance.pk and self.instance.effective_from > clock.now():
            self.initial["from_when"] = self.instance.effective_from
        if "from_when" in self.fields:
            for widget, part in zip(self.fields["from_when"].widget.widgets, ("date", "time"), strict=True):
                widget.attrs["aria-label"] = f"Holds from: {part}"

    def clean_from_when(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["from_when"]
        if at is not None and at != self.initial.get("from_when") and at <= clock.now():
            raise forms.ValidationError("A calendar cannot hold from an instant in the past: clocks have run since.")
        return at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if any(name in self.errors for name in (*WEEK, "zone")):
            return cleaned
        weekly = {str(day): cleaned.get(name) or [] for day, name in enumerate(WEEK)}
        zone = cleaned.get("zone") or self.instance.zone
        try:
            refuse_too_closed(Calendar.of(zone, {int(day): hours for day, hours in weekly.items()}), clock.now())
        except Invalid as wrong:
            raise forms.ValidationError(wrong.message) from None
        cleaned["weekly"] = weekly
        return cleaned

    def _post_clean(self) -> None:
        if "weekly" in self.cleaned_data:
            self.instance.weekly = self.cleaned_data["weekly"]
        super()._post_clean()  # type: ignore[misc]


class DayForm(forms.ModelForm[CalendarDay]):
    intervals = HoursField(label="Hours", help_text="Empty: closed.")

    class Meta:
        model = CalendarDay
        fields = ("date", "intervals", "reason")


class DayInline(admin.TabularInline[CalendarDay, WorkCalendar]):
    model = CalendarDay
    form = DayForm
    extra = 0
    verbose_name = "date with its own hours"
    verbose_name_plural = "dates with their own hours"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CalendarDay]:
        return super().get_queryset(request).order_by("date")


@admin.register(WorkCalendar)
class WorkCalendarAdmin(VersionedAdmin[WorkCalendar]):
    setup_group = "Hand-off"
    setup_intro = (
        "When your people work. Promises in working time run in these hours only; a change holds for clocks that start later."
    )
    change_form_template = "handoff/calendar_change.html"
    form = CalendarForm
    inlines = (DayInline,)

    class Media:
        css = {"all": ("css/calendar.css",)}
        js = (forms.Script("js/weekgrid.js", defer=True),)

    list_display = ("name", "week", "zone", "special_days", "version", "in_force")
    list_filter = ("zone",)
    search_fields = ("name", "key")
    ordering = ("key", "-version")
    fieldsets = (
        ("Whose hours these are", {"fields": ("name", "key", "zone", "from_when", "seen")}),
        (
            "Open on",
            {
                "fields": WEEK,
                "description": "Write times as in 09:00-17:00, several with a comma. Leave a day empty when it is closed.",
            },
        ),
    )

    fieldsets_kept = (
        ("Whose hours these are", {"fields": ("name", "key", "zone", "effective_from")}),
        ("Open on", {"fields": ("week", "dates_told")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkCalendar]:
        newest = WorkCalendar.objects.filter(key=OuterRef("key"), effective_from__lte=clock.now()).order_by("-version")
        today = timezone.localdate(clock.now())
        return (
            super()
            .get_queryset(request)
            .annotate(days_ahead=Count("days", filter=Q(days__date__gte=today)), newest=Subquery(newest.values("version")[:1]))
        )

    def get_fieldsets(self, request: HttpRequest, obj: WorkCalendar | None = None) -> Any:
        """A new calendar holds at once: a policy that names it must find hours in force."""
        if obj is not None:
            return super().get_fieldsets(request, obj)
        whose, week = self.fieldsets
        return (whose[0], {"fields": ("name", "key", "zone", "seen")}), week

    def get_readonly_fields(self, request: HttpRequest, obj: WorkCalendar | None = None) -> tuple[str, ...]:
        return ("key", "week", "dates_told", "effective_from") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: WorkCalendar | None = None) -> bool:
        return obj is not None and super().has_delete_permission(request, obj) and not is_calendar_used(obj)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The stock page; of a newest version it also tells when public holidays run out."""
        told = {} if object_id is None or request.method == "POST" else self._holidays_told(object_id)
        return super().changeform_view(request, object_id, form_url, {**told, **(extra_context or {})})

    def _holidays_told(self, object_id: str) -> dict[str, Any]:
        end = {str(row.pk): end for row, end in ends().items()}
        if object_id not in end or not is_short(end[object_id], clock.now().date()):
            return {}
        return {"holidays_short": True, "holidays_end": end[object_id]}

    def save_model(self, request: HttpRequest, obj: WorkCalendar, form: Any, change: bool) -> None:
        """A new calendar is stored here; a changed one together with its dates, in `save_related`."""
        if not change:
            obj.effective_from = clock.now()
            obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        calendar = form.instance
        touched = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if not change or not touched:
            super().save_related(request, form, formsets, change)
            return
        now, wanted = clock.now(), form.cleaned_data["from_when"]
        stored = WorkCalendar.objects.get(pk=calendar.pk)
        revised = version_to_write(stored, now=now, at=wanted)
        if revised.pk == stored.pk:
            calendar.effective_from = wanted or now
            calendar.save(update_fields=[*EDITED, "effective_from"])
            for formset in formsets:
                self._make_room(formset)
            super().save_related(request, form, formsets, change)
            return
        for name in EDITED:
            setattr(revised, name, getattr(calendar, name))
        revised.save(update_fields=EDITED)
        for formset in formsets:
            self._carry_over(formset, revised)
        calendar.pk, calendar.version = revised.pk, revised.version
        tell_version(request, "Running clocks are on", stored.version, revised.version)

    def _make_room(self, formset: Any) -> None:
        """Dates that change places are in each other's way while one is saved after the other."""
        going = [form.instance.pk for form in formset.initial_forms if {"date", "DELETE"} & set(form.changed_data)]
        CalendarDay.objects.filter(pk__in=going).delete()

    def _carry_over(self, formset: Any, revised: WorkCalendar) -> None:
        changed = [form for form in formset.initial_forms + formset.extra_forms if form.has_changed()]
        revised.days.filter(date__in=[before for form in changed if (before := form.initial.get("date"))]).delete()
        for form in changed:
            if not form.cleaned_data.get("DELETE"):
                values = {name: form.cleaned_data[name] for name in ("intervals", "reason")}
                revised.days.update_or_create(date=form.cleaned_data["date"], defaults=values)
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    @admin.display(description="open")
    def week(self, calendar: WorkCalendar) -> str:
        return week_words(calendar.weekly)

    @admin.display(description="dates with their own hours")
    def dates_told(self, calendar: WorkCalendar) -> SafeString | str:
        days = ((f"{day.date:%-d %b %Y}", hours_words(day.intervals), day.reason) for day in calendar.days.order_by("date"))
        return format_html_join("", "{}: {} {}<br>", days) or "–"

    @admin.display(description="dates ahead", ordering="days_ahead")
    def special_days(self, calendar: Any) -> int:
        return int(calendar.days_ahead)

    @admin.display(description="in force", boolean=True)
    def in_force(self, calendar: Any) -> bool:
        return bool(calendar.version == calendar.newest)


@admin.register(CalendarDay)
class CalendarDayAdmin(AccordModelAdmin[CalendarDay]):
    setup_group = "Hand-off"
    setup_intro = (
        "Holidays and other dates with hours of their own, of all calendars. They are changed on the page of their calendar."
    )
    list_display = ("date", "hours", "reason", "calendar", "source")
    list_filter = ("source", "calendar")
    list_select_related = ("calendar",)
    search_fields = ("reason",)
    date_hierarchy = "date"
    ordering = ("-date",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: CalendarDay | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CalendarDay | None = None) -> bool:
        return False

    @admin.display(description="hours")
    def hours(self, day: CalendarDay) -> str:
        return hours_words(day.intervals)
