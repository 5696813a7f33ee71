"""Copying public holidays into a calendar: into its next version, beside the dates entered by hand."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from handoff.actions.revising import hold_newest, refuse_too_closed, version_to_write
from handoff.holidaybook import CopyPlan, copy_plan, place_words
from handoff.models import CalendarDay, WorkCalendar
from handoff.policybook import PolicyBook
from leads import clock, setup_log
from leads.actions.authority import demand
from leads.errors import Invalid
from leads.models import User

MANAGE_CALENDARS = "handoff.change_workcalendar"


@transaction.atomic
def copy_holidays(
    calendar: WorkCalendar, *, country: str, subdivision: str, until: date, seen: str, actor: User
) -> tuple[WorkCalendar, CopyPlan]:
    """Copy the public holidays of a place from today until `until` into the calendar: the version that holds them, and what was done.

    Dates by hand stay; imported dates that are no holidays any more go. Conflict when the calendar, known by its mark `seen`,
    changed meanwhile; Invalid for no such place, for days without holidays, and when hardly any open time would be left.
    """
    demand(actor, MANAGE_CALENDARS, to="change calendars")
    now = clock.now()
    hold_newest(calendar, seen=seen)
    plan = copy_plan(calendar, country, subdivision, now.date(), until)
    if not plan.days:
        raise Invalid("No public holidays are known for these days.", code="no_holidays", field="until", value=until)
    target = version_to_write(calendar, now=now)
    of_source = CalendarDay.objects.filter(calendar=target, source=CalendarDay.Source.HOLIDAYS)
    of_source.filter(date__range=(now.date(), until)).delete()
    CalendarDay.objects.bulk_create(
        CalendarDay(calendar=target, date=day.date, intervals=[], reason=day.name, source=CalendarDay.Source.HOLIDAYS)
        for day in plan.days
        if not day.kept
    )
    target.country, target.subdivision = country, subdivision
    target.save(update_fields=["country", "subdivision"])
    refuse_too_closed(PolicyBook(now).calendar(target.pk), now)
    setup_log.note(
        target,
        actor,
        f"Copied the public holidays of {place_words(country, subdivision)} until {until:%-d %b %Y}: "
        f"{plan.new} new, {plan.changed} with another name, {len(plan.gone)} gone, {plan.kept} by hand kept.",
    )
    return target, plan
