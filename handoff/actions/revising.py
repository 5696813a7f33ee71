"""New versions of calendars and policies. What clocks run on never changes: an edit makes a next version, and they keep theirs."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from handoff.models import CalendarDay, Handoff, SlaPolicy, SlaStep, SlaTarget, SlaTimer, WorkCalendar


def is_calendar_used(calendar: WorkCalendar) -> bool:
    return SlaTimer.objects.filter(calendar=calendar).exists()


def is_policy_used(policy: SlaPolicy) -> bool:
    return Handoff.objects.filter(policy=policy).exists()


@transaction.atomic
def revise_calendar(calendar: WorkCalendar, *, at: datetime) -> WorkCalendar:
    """The next version of a calendar, with all its dates, in force from `at`; the one given stays as it is."""
    newest = WorkCalendar.objects.select_for_update(no_key=True).filter(key=calendar.key).order_by("-version")[0]
    revised = WorkCalendar.objects.create(
        key=calendar.key,
        version=newest.version + 1,
        name=calendar.name,
        zone=calendar.zone,
        weekly=calendar.weekly,
        country=calendar.country,
        subdivision=calendar.subdivision,
        effective_from=at,
    )
    CalendarDay.objects.bulk_create(
        CalendarDay(calendar=revised, date=day.date, intervals=day.intervals, reason=day.reason, source=day.source)
        for day in CalendarDay.objects.filter(calendar=calendar)
    )
    return revised


@transaction.atomic
def revise_policy(policy: SlaPolicy, *, at: datetime) -> tuple[SlaPolicy, dict[int, SlaTarget]]:
    """The next version of a policy with its promises and steps, in force from `at`, and its promises by those they come from."""
    newest = SlaPolicy.objects.select_for_update(no_key=True).filter(key=policy.key).order_by("-version")[0]
    revised = SlaPolicy.objects.create(
        key=policy.key,
        version=newest.version + 1,
        name=policy.name,
        scope=policy.scope,
        calendar_key=policy.calendar_key,
        effective_from=at,
        retired_at=policy.retired_at,
        reassign_cap=policy.reassign_cap,
    )
    targets = {}
    for target in SlaTarget.objects.filter(policy=policy).order_by("pk"):
        targets[target.pk] = SlaTarget.objects.create(
            policy=revised,
            kind=target.kind,
            clock=target.clock,
            duration_us=target.duration_us,
            calendar_from=target.calendar_from,
            pause_cap_us=target.pause_cap_us,
            backdate_us=target.backdate_us,
        )
        SlaStep.objects.bulk_create(
            SlaStep(
                target=targets[target.pk],
                code=step.code,
                percent=step.percent,
                after_us=step.after_us,
                action=step.action,
                audience=step.audience,
                channels=step.channels,
                digest_s=step.digest_s,
                urgent=step.urgent,
            )
            for step in SlaStep.objects.filter(target=target)
        )
    return revised, targets
