"""When reps are away: entered by themselves or by their manager, by hand or from a calendar file.

What waits for somebody away is handed over or put on hold by the rule of its policy (`leaving.py`); hours are no matter of leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.admin.models import ADDITION, DELETION
from django.db import connection, transaction

from handoff.businesstime import Calendar, add, between
from handoff.icalendars import Absence
from handoff.models import Leave, Rep
from handoff.policybook import PolicyBook
from handoff.states import ANSWER
from leads import clock, setup_log
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import User
from leads.querysets import team_mates

MANAGE_LEAVE = "handoff.change_leave"
LONGEST = timedelta(days=366)
AHEAD = timedelta(days=2 * 366)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a calendar file did to a rep's leave."""

    new: int
    changed: int
    same: int
    gone: int


def may_keep_leave(actor: User, person: User) -> bool:
    """Whether `actor` may enter leave of `person`: who answers hand-offs their own, a manager that of the team."""
    if actor.pk == person.pk and actor.has_perm(ANSWER):
        return True
    if not actor.has_perm(MANAGE_LEAVE):
        return False
    return actor.has_perm("leads.see_all_leads") or team_mates(actor).filter(user_id=person.pk).exists()


def _demand(actor: User, person: User) -> None:
    if not actor.is_active or not may_keep_leave(actor, person):
        raise NotAllowed("You may not enter leave of this person.")


def span(hours: Calendar, first: date, last: date, *, from_midday: bool, until_midday: bool) -> tuple[datetime, datetime]:
    """The instants of whole days from `first` to `last`, both included, in the zone of a rep's hours; half days at the middle of
    what is open on that date. Invalid names what is wrong."""
    if last < first:
        raise Invalid("The last day is before the first.", code="backwards", field="last", value=last)
    starts = middle(hours, first, "first") if from_midday else _midnight(hours, first)
    ends = middle(hours, last, "last") if until_midday else _midnight(hours, last + DAY)
    if ends <= starts:
        raise Invalid("From midday until midday of one day is no time at all.", code="empty", field="last", value=last)
    return starts, ends


def middle(hours: Calendar, day: date, field: str) -> datetime:
    """The instant at which half of a date's open time is over."""
    start, end = _midnight(hours, day), _midnight(hours, day + DAY)
    open_time = between(hours, start, end)
    if not open_time:
        raise Invalid(f"{day:%A, %-d %B %Y} is closed, so it has no half.", code="closed", field=field, value=day)
    return add(hours, start, open_time / 2)


def _midnight(hours: Calendar, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(hours.zone))


@transaction.atomic
def enter_leave(
    rep: Rep,
    *,
    first: date,
    last: date,
    from_midday: bool = False,
    until_midday: bool = False,
    reason: str = "",
    cover: User | None = None,
    actor: User,
) -> Leave:
    """Enter whole days away, the first and last perhaps by half. Conflict when the rep is away then already."""
    _demand(actor, rep.user)
    now = clock.now()
    _one_at_a_time(rep)
    hours = PolicyBook(now).hours_of(rep.pk)
    starts, ends = span(hours, first, last, from_midday=from_midday, until_midday=until_midday)
    _check(starts, ends, now)
    if cover is not None and (cover.pk == rep.pk or not cover.is_active):
        raise Invalid("Somebody else has to stand in, who can sign in.", code="no_cover", field="cover", value=cover.pk)
    other = Leave.objects.filter(rep=rep, starts_at__lt=ends, ends_at__gt=starts).order_by("starts_at").first()
    if other is not None:
        raise Conflict(f"{rep.user} is away then already: {leave_words(other, ZoneInfo(hours.zone))}.", code="away_already")
    leave = Leave.objects.create(rep=rep, starts_at=starts, ends_at=ends, reason=reason.strip()[:120], cover=cover)
    setup_log.note(leave, actor, f"Away {leave_words(leave, ZoneInfo(hours.zone))}.", flag=ADDITION)
    return leave


def _one_at_a_time(rep: Rep) -> None:
    """Two who enter leave of one rep do so one after the other; the rep's row is left to routing, which locks it last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accord.leave'), %s)", [rep.pk])


def _check(starts: datetime, ends: datetime, now: datetime) -> None:
    if ends <= now:
        raise Invalid("That is over already; leave counts from now on.", code="past", field="last", value=ends)
    if ends - starts > LONGEST:
        raise Invalid("At most a year at a time; switch the rep off instead.", code="too_long", field="last", value=ends)
    if ends > now + AHEAD:
        raise Invalid("At most two years ahead.", code="too_far", field="last", value=ends)


@transaction.atomic
def withdraw_leave(leave: Leave, *, actor: User) -> None:
    """Take leave back. What is over already stays: of leave under way only the rest goes."""
    _demand(actor, leave.rep.user)
    held = Leave.objects.select_for_update().filter(pk=leave.pk).first()
    now = clock.now()
    if held is None:
        raise Conflict("Somebody took this leave back already.", code="gone")
    if held.ends_at <= now:
        raise Conflict("This leave is over.", code="over")
    zone = ZoneInfo(PolicyBook(now).hours_of(leave.rep_id).zone)
    setup_log.note(held, actor, f"No longer away {leave_words(held, zone)}.", flag=DELETION)
    if held.starts_at < now:
        held.ends_at = now
        held.save(update_fields=["ends_at"])
    else:
        held.delete()


@transaction.atomic
def take_in_leave(rep: Rep, found: Sequence[Absence], cancelled: Sequence[str], *, actor: User) -> TakenIn:
    """Make a rep's leave what a calendar file says of its events, known by their uid; a second time changes nothing.

    Leave of the same events that the file no longer holds, and what it calls off, goes; all else stays, and so does what is over.
    """
    _demand(actor, rep.user)
    now = clock.now()
    _one_at_a_time(rep)
    uids = {one.uid for one in found} | set(cancelled)
    ahead = Leave.objects.filter(rep=rep, uid__in=uids, ends_at__gt=now)
    old = {(leave.uid, leave.starts_at): leave for leave in ahead}
    fresh, changed, same = [], 0, 0
    for one in {(one.uid, one.starts_at): one for one in found if one.ends_at > now}.values():
        leave = old.pop((one.uid, one.starts_at), None)
        if leave is None:
            fresh.append(
                Leave(
                    rep=rep, starts_at=one.starts_at, ends_at=one.ends_at, reason=one.reason, source=Leave.Source.FILE, uid=one.uid
                )
            )  # fmt: skip
        elif (leave.ends_at, leave.reason) == (one.ends_at, one.reason):
            same += 1
        else:
            leave.ends_at, leave.reason = one.ends_at, one.reason
            leave.save(update_fields=["ends_at", "reason"])
            changed += 1
    under_way = [leave.pk for leave in old.values() if leave.starts_at < now]
    Leave.objects.filter(pk__in=under_way).update(ends_at=now)
    Leave.objects.filter(pk__in=[leave.pk for leave in old.values()]).exclude(pk__in=under_way).delete()
    Leave.objects.bulk_create(fresh)
    done = TakenIn(len(fresh), changed, same, len(old))
    if fresh or changed or old:
        setup_log.note(rep, actor, f"Leave from a calendar file: {done.new} new, {done.changed} changed, {done.gone} gone.")
    return done


def leave_words(leave: Leave, zone: ZoneInfo) -> str:
    """ "3 Jun 2026", "3 – 5 Jun 2026 (until 13:00)": whole days as dates, else with the time."""
    starts, ends = leave.starts_at.astimezone(zone), leave.ends_at.astimezone(zone)
    until_midnight = ends.time() == datetime.min.time()
    last = (ends - timedelta(microseconds=1)).date() if until_midnight else ends.date()
    told = f"{starts:%-d %b %Y}" if starts.date() == last else f"{starts:%-d %b} – {last:%-d %b %Y}"
    times = [f"from {starts:%H:%M}"] if starts.time() != datetime.min.time() else []
    times += [] if until_midnight else [f"until {ends:%H:%M}"]
    return f"{told} ({', '.join(times)})" if times else told
