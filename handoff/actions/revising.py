"""New versions of calendars and policies. What clocks run on never changes: an edit makes a next version, and they keep theirs.

Only the newest version of a key is edited. Who edits an older one, or one that changed since their page was drawn, is told.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from handoff.businesstime import Calendar, NoOpenTime, add
from handoff.models import CalendarDay, Handoff, SlaPolicy, SlaStep, SlaTarget, SlaTimer, WorkCalendar
from leads.errors import Conflict, Invalid

# The longest promise a calendar must be able to hold within five years.
LONGEST_PROMISE = timedelta(hours=400)
# Longer than an act that starts clocks may take.
NEARLY_IN_FORCE = timedelta(minutes=1)


def newest_version(row: WorkCalendar | SlaPolicy) -> WorkCalendar | SlaPolicy:
    """The newest version of the row's key, whether in force yet or not."""
    newest: WorkCalendar | SlaPolicy = type(row).objects.filter(key=row.key).order_by("-version")[0]
    return newest


def hold_newest(row: WorkCalendar | SlaPolicy, *, seen: str = "") -> None:
    """Lock every version of the row's key until the transaction ends.

    Conflict, told with who and when, when `row` is not the newest or no longer what `seen`, its `mark_of`, was taken from.
    """
    list(type(row).objects.select_for_update(no_key=True).filter(key=row.key).order_by("pk").values_list("pk"))
    newest = newest_version(row)
    if newest.pk != row.pk or (seen and mark_of(row) != seen):
        raise Conflict(_who_changed(newest), code="changed_meanwhile")


def mark_of(row: WorkCalendar | SlaPolicy) -> str:
    """A short mark of everything a version holds; another mark means another content."""
    content: list[Any] = list(type(row).objects.filter(pk=row.pk).values())
    for values in content:
        values.pop("position", None)  # the order of policies is no part of one
    if isinstance(row, WorkCalendar):
        content += CalendarDay.objects.filter(calendar=row).order_by("pk").values()
    else:
        content += SlaTarget.objects.filter(policy=row).order_by("pk").values()
        content += SlaStep.objects.filter(target__policy=row).order_by("pk").values()
    return blake2s(json.dumps(content, default=str, sort_keys=True).encode(), digest_size=8).hexdigest()


def _who_changed(newest: WorkCalendar | SlaPolicy) -> str:
    """ "Anna Admin changed this on 8 Jun at 11:00 (CEST). Version 2 is the newest."; without the name where none was kept."""
    about = _logged(type(newest), [newest.pk])
    if isinstance(newest, SlaPolicy):
        about |= _logged(SlaTarget, list(SlaTarget.objects.filter(policy=newest).values_list("pk", flat=True)))
    entry = LogEntry.objects.filter(about).select_related("user").order_by("-action_time", "-pk").first()
    who, at = (str(entry.user), entry.action_time) if entry else ("Somebody", newest.effective_from)
    local = timezone.localtime(at)
    return f"{who} changed this on {local:%-d %b} at {local:%H:%M} ({local.tzname()}). Version {newest.version} is the newest."


def _logged(model: type[Model], ids: list[int]) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(model), object_id__in=[str(pk) for pk in ids])


def is_calendar_used(calendar: WorkCalendar) -> bool:
    return SlaTimer.objects.filter(calendar=calendar).exists()


def version_to_write(calendar: WorkCalendar, *, now: datetime, at: datetime | None = None) -> WorkCalendar:
    """Where a change of this calendar, the newest of its key, goes: into itself while it waits to come into force, else into its
    next version, in force from `at` (now).

    One in force stays as it is even without clocks: one that starts this moment has read its hours already.
    """
    if calendar.effective_from > now + NEARLY_IN_FORCE:
        return calendar
    return revise_calendar(calendar, at=at or now)


def refuse_too_closed(hours: Calendar, now: datetime) -> None:
    """Invalid when these hours hold too little open time for the longest promise."""
    try:
        add(hours, now, LONGEST_PROMISE)
    except NoOpenTime:
        raise Invalid(
            "These hours hold too little open time: no promise could ever fall due.", code="never_open", field="weekly"
        ) from None


def is_policy_used(policy: SlaPolicy) -> bool:
    return Handoff.objects.filter(policy=policy).exists()


@transaction.atomic
def revise_calendar(calendar: WorkCalendar, *, at: datetime) -> WorkCalendar:
    """The next version of a calendar, with all its dates, in force from `at`; the one given, the newest so far, stays as it is."""
    hold_newest(calendar)
    revised = WorkCalendar.objects.create(
        key=calendar.key,
        version=calendar.version + 1,
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
    """The next version of a policy with its promises and steps, in force from `at`, and its promises by those they come from.

    `policy` is the newest so far and stays as it is; Conflict when it is not.
    """
    hold_newest(policy)
    revised = SlaPolicy.objects.create(
        key=policy.key,
        version=policy.version + 1,
        name=policy.name,
        scope=policy.scope,
        calendar_key=policy.calendar_key,
        effective_from=at,
        retired_at=policy.retired_at,
        reassign_cap=policy.reassign_cap,
        position=policy.position,
        on_leave=policy.on_leave,
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
