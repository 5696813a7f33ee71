"""How a deadline came to be: of any clock of a hand-off, and of whatever somebody asks ("09:40 on Friday + 4 h")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from handoff.arithmetic import Hold, Line, Sum, length_words, read_length, work_out
from handoff.businesstime import ELAPSED, MICROSECOND, Calendar, NoOpenTime
from handoff.models import CalendarDay, SlaTimer, WorkCalendar
from handoff.policybook import PolicyBook
from handoff.sla import holds_of
from handoff.states import ClockKind
from handoff.views.asking import handoff_or_404
from handoff.views.packet import READERS
from leads import clock
from leads.errors import Invalid
from leads.pages import page, reader, render

FIRST, LAST = 60, 10
AROUND_THE_CLOCK = "elapsed"


class AskForm(forms.Form):
    """A start on the wall clock of the calendar, a length and the calendar to count in."""

    day = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(label="At", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    length = forms.CharField(label="Plus", max_length=40, help_text="As in 4 h, 1 h 20 min or 90 min.")
    calendar = forms.ChoiceField(label="In the hours of")

    def __init__(self, *args: Any, calendars: Sequence[WorkCalendar], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["calendar"]
        assert isinstance(field, forms.ChoiceField)
        named = [(str(one.pk), f"{one} ({one.zone})") for one in calendars]
        field.choices = [*named, (AROUND_THE_CLOCK, "Around the clock")]

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if not 1970 <= day.year <= 2200:
            raise forms.ValidationError("Choose a day between 1970 and 2200.")
        return day

    def clean_length(self) -> timedelta:
        try:
            return read_length(self.cleaned_data["length"])
        except Invalid as wrong:
            raise forms.ValidationError(wrong.message) from None


@page()
@require_GET
def arithmetic(request: HttpRequest) -> HttpResponse:
    """The form, and the answer below it once something was asked."""
    now, asked = clock.now(), request.GET.get("calendar", "")
    calendars = _calendars(now, int(asked) if asked.isdecimal() and len(asked) < 10 else None)
    form = AskForm(request.GET if "length" in request.GET else None, calendars=calendars, initial=_now_there(now, calendars))
    answer, problem = None, ""
    if form.is_valid():
        told = form.cleaned_data
        pk = None if told["calendar"] == AROUND_THE_CLOCK else int(told["calendar"])
        hours = _in_own_zone(request, PolicyBook(now).calendar(pk))
        # A time that the clocks leave out is the one they show instead; of two the first is meant.
        start = datetime.combine(told["day"], told["time"], tzinfo=ZoneInfo(hours.zone))
        try:
            answer = _shown(request, work_out(hours, start, told["length"], _reasons(pk)))
        except NoOpenTime:
            problem = "These hours hold less open time than that within five years."
    status = 422 if problem or form.errors else 200
    context = {"form": form, "answer": answer, "problem": problem}
    return render(request, "handoff/arithmetic.html", context, title="When is it due?", status=status)


@page(*READERS)
@require_GET
def clock_arithmetic(request: HttpRequest, pk: int, timer_id: int) -> HttpResponse:
    """The arithmetic of one clock of a hand-off, as it runs or ran."""
    handoff = handoff_or_404(request, pk)
    timer = get_object_or_404(SlaTimer.objects.select_related("calendar", "owner", "target"), pk=timer_id, handoff=handoff)
    hours = _in_own_zone(request, PolicyBook(clock.now()).calendar(timer.calendar_id))
    used = timedelta(microseconds=timer.consumed_us)
    whole = timedelta(microseconds=timer.target_us)
    answer, is_whole = _of_clock(timer, hours)
    link = {
        "calendar": timer.calendar_id or AROUND_THE_CLOCK,
        "length": length_words(whole),
        "day": f"{timer.started_at.astimezone(ZoneInfo(hours.zone)):%Y-%m-%d}",
        "time": f"{timer.started_at.astimezone(ZoneInfo(hours.zone)):%H:%M}",
    }
    context = {
        "handoff": handoff,
        "timer": timer,
        "promise": ClockKind(timer.kind).label,
        "target": length_words(whole),
        "used": length_words(used),
        "left": length_words(whole - used) if whole > used else "",
        "is_whole": is_whole,
        "answer": _shown(request, answer) if answer else None,
        "ask_url": f"{reverse('admin:arithmetic')}?{urlencode(link)}",
    }
    return render(request, "handoff/arithmetic_clock.html", context, title=f"{context['promise']}: when is it due?")


def _of_clock(timer: SlaTimer, hours: Calendar) -> tuple[Sum | None, bool]:
    """The way from where the clock began, or went on, to its deadline, and whether that is all of its time.

    None where its time was used up before it went on, and for one that ended after it had been on hold.
    """
    reasons = _reasons(timer.calendar_id)
    whole = work_out(hours, timer.started_at, timer.target_us * MICROSECOND, reasons, _holds(timer))
    if whole.due == timer.due_at:
        return whole, True
    if timer.running_since is None or timer.consumed_us >= timer.target_us:
        return None, False
    return work_out(hours, timer.running_since, (timer.target_us - timer.consumed_us) * MICROSECOND, reasons), False


def _holds(timer: SlaTimer) -> list[Hold]:
    """When a clock was on hold, and until when it is."""
    holds = []
    for since, until in holds_of(timer.pk):
        if until is not None:
            holds.append(Hold(since, until, ""))
        elif timer.paused_until is not None:
            holds.append(Hold(since, timer.paused_until, timer.pause_reason))
    return holds


def _calendars(now: datetime, asked: int | None) -> list[WorkCalendar]:
    """The version in force of every calendar, and the one asked for; the most used of all, the standard one, comes first."""
    rows = WorkCalendar.objects.filter(Q(effective_from__lte=now) | Q(pk=asked)).order_by("key", "-version")
    newest: dict[str, WorkCalendar] = {}
    extra = []
    for row in rows:
        if row.effective_from <= now and row.key not in newest:
            newest[row.key] = row
        elif row.pk == asked:
            extra.append(row)
    return [*sorted(newest.values(), key=lambda row: (row.key != "standard", row.name)), *extra]


def _now_there(now: datetime, calendars: Sequence[WorkCalendar]) -> dict[str, Any]:
    here = now.astimezone(ZoneInfo(calendars[0].zone)) if calendars else timezone.localtime(now)
    return {"day": here.date(), "time": here.time().replace(second=0, microsecond=0), "length": "4 h"}


def _in_own_zone(request: HttpRequest, hours: Calendar) -> Calendar:
    """Time around the clock is told in the reader's own zone."""
    return Calendar(reader(request).time_zone, hours.weekly) if hours == ELAPSED else hours


def _reasons(calendar_id: int | None) -> dict[Any, str]:
    return dict(CalendarDay.objects.filter(calendar_id=calendar_id).values_list("date", "reason")) if calendar_id else {}


def _shown(request: HttpRequest, found: Sum) -> dict[str, Any]:
    """What the page draws; of a very long way only its beginning and end."""
    lines: list[Line] = found.lines
    hidden = max(0, len(lines) - FIRST - LAST)
    mine = ZoneInfo(reader(request).time_zone)
    theirs = found.due.utcoffset() != found.due.astimezone(mine).utcoffset()
    return {
        "sum": found,
        "duration": length_words(found.duration),
        "first": lines[:FIRST] if hidden else lines,
        "hidden": hidden,
        "last": lines[-LAST:] if hidden else [],
        "zone": found.start.tzinfo,
        "mine": found.due.astimezone(mine) if theirs else None,
    }
