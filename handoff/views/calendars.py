"""Public holidays of a country, looked at and copied into a calendar."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from handoff.actions.holidays import MANAGE_CALENDARS, copy_holidays
from handoff.actions.revising import mark_of, newest_version
from handoff.holidaybook import copy_plan, countries, country_of, last_days, place_words, subdivisions
from handoff.models import WorkCalendar
from leads import clock
from leads.errors import AccordError, Conflict
from leads.pages import page, reader, render

PAGE, PART = "handoff/calendar_holidays.html", "handoff/_calendar_holidays.html"


@page(MANAGE_CALENDARS)
@require_http_methods(["GET", "POST"])
def calendar_holidays(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a place and see, date by date, what copying its holidays would do; a POST copies them."""
    calendar = get_object_or_404(WorkCalendar, pk=pk)
    newest = newest_version(calendar)
    assert isinstance(newest, WorkCalendar)
    if request.method == "GET" and newest.pk != calendar.pk:
        return HttpResponseRedirect(reverse("admin:calendar-holidays", args=[newest.pk]))
    asked = _asked(request, calendar)
    problem, status = "", 200
    if request.method == "POST":
        try:
            target, plan = copy_holidays(calendar, **asked, seen=request.POST.get("seen") or "-", actor=reader(request))
        except Conflict as late:
            problem, status = f"{late.message} Nothing was copied; look at the dates again.", 409
        except AccordError as refused:
            problem, status = refused.message, 422
        else:
            done = f"{plan.new + plan.changed} public holidays copied into {target}."
            kept = f" {plan.kept} of your own dates stayed." if plan.kept else ""
            messages.success(request, done + kept)
            return HttpResponseRedirect(reverse("admin:handoff_workcalendar_change", args=[target.pk]))
    context = {**_drawn(asked, newest), "calendar": newest, "problem": problem}
    return render(request, PAGE, context, title=f"Public holidays of {newest.name}", fragment=PART, status=status)


def _asked(request: HttpRequest, calendar: WorkCalendar) -> dict[str, Any]:
    """The place and the last day asked for; what is not there is the calendar's own, or what its time zone suggests."""
    told = request.POST if request.method == "POST" else request.GET
    country = told.get("country", calendar.country or country_of(calendar.zone))
    subdivision = told.get("subdivision", calendar.subdivision)
    if request.method == "GET" and subdivision not in dict(subdivisions(country)):
        subdivision = ""
    days = {f"{day:%Y-%m-%d}": day for day in last_days(clock.now().date())}
    return {"country": country, "subdivision": subdivision, "until": days.get(told.get("until", ""), min(days.values()))}


def _drawn(asked: dict[str, Any], calendar: WorkCalendar) -> dict[str, Any]:
    today = clock.now().date()
    country, subdivision, until = asked["country"], asked["subdivision"], asked["until"]
    plan = None
    if country in dict(countries()) and (not subdivision or subdivision in dict(subdivisions(country))):
        plan = copy_plan(calendar, country, subdivision, today, until)
    return {
        **asked,
        "countries": countries(),
        "subdivisions": subdivisions(country),
        "last_days": last_days(today),
        "plan": plan,
        "place": place_words(country, subdivision),
        "seen": mark_of(calendar),
        "is_same_place": (country, subdivision) == (calendar.country, calendar.subdivision),
    }
