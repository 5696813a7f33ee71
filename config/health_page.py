"""The health page: whether every part lives, what waits, what was given up, and what must not be; for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import date as in_words
from django.urls import reverse
from django.views.decorators.cache import never_cache

from config.figures import CHANNELS, Core, Leaks, Rest, core, rest
from config.health import OVERDUE_S, RESTARTS, SEE, silence
from handoff.holidaybook import is_short
from leads.pages import page, render
from leads.templatetags.accord import duration

SKEW_S = 2.0
MESSAGE_LATE_S = 300.0
SNAPSHOT_OLD_S = 3600.0
GOOD, WARN, BAD = "good", "warn", "danger"
LEAKS = {
    "unarmed": "running clocks that nothing will fire",
    "unclocked": "hand-offs waiting without the clock their policy promises",
    "left_running": "running clocks of hand-offs that are over",
    "ownerless": "running clocks of people who can no longer sign in",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the page: what is looked at, what was found, how it is (good, warn or danger), and where to see more."""

    label: str
    found: str
    level: str
    url: str = ""


@page(SEE)
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    found = core()
    more = rest(found.at)
    parts = [(life, found.restarted.get(life.name, 0), more.restarts_today.get(life.name, 0)) for life in found.lives]
    checks = check(found, more)
    context = {
        "parts": parts,
        "too_many": RESTARTS,
        "checks": checks,
        "lanes": more.lanes,
        "worker_silence": silence(found.lives),
        "worst": next((level for level in (BAD, WARN) if any(one.level == level for one in checks)), GOOD),
    }
    return render(request, "health.html", context, title="Health")


def check(found: Core, more: Rest) -> list[Check]:
    """Everything but the parts' signs of life, judged."""
    return [
        _timers(found, more),
        _messages(more),
        _given_up(found),
        Check("Background queue", f"{more.queue_ready} ready, {more.queue_locked} taken", GOOD),
        _fired_twice(more),
        _leaks(more.leaks),
        _unanswered(more),
        *_holidays(found.at.date(), more.holidays_until),
        _snapshot(more.snapshot_age_s),
        _skew(found.skew_s),
    ]


def _timers(found: Core, more: Rest) -> Check:
    url = reverse("admin:handoff_handoff_changelist")
    if found.overdue_s > OVERDUE_S:
        return Check("Timers", f"{more.timers_due} due, the first {duration(found.overdue_s)} ago", BAD)
    if more.parked:
        return Check("Timers", f"{more.parked} failed and tried again later; worker.log says why", WARN, url)
    return Check("Timers", f"{more.timers_due} due" if more.timers_due else "None is late", GOOD)


def _messages(more: Rest) -> Check:
    due = sum(lane.due for lane in more.lanes)
    late = max((lane.oldest_s for lane in more.lanes if lane.due), default=0.0)
    resting = [lane.label.lower() for lane in more.lanes if lane.paused_until]
    words = f"{due} due, the first {duration(late)} ago" if due else "None waits"
    if resting:
        words += f"; resting after failures: {', '.join(resting)}"
    return Check("Messages", words, WARN if resting or late > MESSAGE_LATE_S else GOOD)


def _given_up(found: Core) -> Check:
    if not found.dead:
        return Check("Given up", "No message", GOOD)
    words = ", ".join(f"{number} {CHANNELS[channel].lower()}" for channel, number in sorted(found.dead.items()))
    url = f"{reverse('admin:leads_outbox_changelist')}?state__exact=dead"
    return Check("Given up", words, BAD if found.dead.get("work") else WARN, url)


def _fired_twice(more: Rest) -> Check:
    if not more.prevented_today:
        return Check("Steps that would have fired twice", "None in 24 hours", GOOD)
    return Check("Steps that would have fired twice", f"{more.prevented_today} prevented in 24 hours", WARN)


def _leaks(leaks: Leaks) -> Check:
    words = [f"{number} {what}" for name, what in LEAKS.items() if (number := getattr(leaks, name))]
    return Check("What must not be", "; ".join(words) or "None found", WARN if words else GOOD)


def _unanswered(more: Rest) -> Check:
    if more.oldest_unanswered is None:
        return Check("Unanswered hand-offs", "None", GOOD)
    return Check(
        "Unanswered hand-offs", f"{more.unanswered}, the oldest offered on {in_words(more.oldest_unanswered, 'D j M H:i')}", GOOD
    )


def _holidays(today: date, until: dict[str, date | None]) -> list[Check]:
    checks = []
    for name, last in until.items():
        if last is None:
            checks.append(Check(f"Holidays of {name}", "None known", WARN))
        else:
            level = WARN if is_short(last, today) else GOOD
            checks.append(Check(f"Holidays of {name}", f"Known until {in_words(last, 'j F Y')}", level))
    return checks


def _snapshot(age: float | None) -> Check:
    if age is None:
        return Check("Preview data on this host", "Not gathered yet", WARN)
    return Check("Preview data on this host", f"{duration(age)} old", WARN if age > SNAPSHOT_OLD_S else GOOD)


def _skew(seconds: float) -> Check:
    apart = abs(seconds)
    return Check("Clock of this host", f"{apart:.1f} s off the database's, which decides", WARN if apart > SKEW_S else GOOD)
