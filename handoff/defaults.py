"""What a new portal starts with: one calendar, one policy with its steps, and the tree of reasons. Safe to run again."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, transaction

from handoff.models import SlaPolicy, SlaStep, SlaTarget, WorkCalendar
from handoff.policybook import STANDARD
from handoff.states import ClockKind
from leads.models import Reason

HOUR = 3_600_000_000
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
OFFICE = {str(day): [[540, 1020]] if day < 5 else [] for day in range(7)}
BOTH = ["inapp", "mail"]

# kind, clock, hours, whose calendar, hours a call may be logged late, longest pause in hours
TARGETS = (
    (ClockKind.OFFER, "business", 1, "policy", 0, 0),
    (ClockKind.ACCEPT, "business", 4, "owner", 0, 0),
    (ClockKind.FIRST_CONTACT, "business", 8, "owner", 4, 40),
    (ClockKind.MQO_FOLLOWUP, "elapsed", 48, "owner", 4, 0),
    (ClockKind.REVIEW, "business", 40, "policy", 0, 0),
    (ClockKind.DISPUTE, "business", 40, "policy", 0, 0),
)
# kind: (code, percent, hours past due, action, audience, channels, urgent)
STEPS = {
    ClockKind.OFFER: (
        ("breach", 100, None, "breach", ["manager"], BOTH, False),
        ("tell-head", None, 8, "escalate", ["head"], BOTH, False),
    ),
    ClockKind.ACCEPT: (
        ("remind-half", 50, None, "remind", ["owner"], ["inapp"], False),
        ("remind-last", 85, None, "remind", ["owner"], BOTH, False),
        ("breach", 100, None, "breach", ["owner", "manager"], BOTH, False),
        ("reassign", None, 4, "reassign", ["manager"], ["inapp"], False),
    ),
    ClockKind.FIRST_CONTACT: (
        ("remind", 75, None, "remind", ["owner"], BOTH, False),
        ("breach", 100, None, "breach", ["owner", "manager"], BOTH, False),
        ("tell-head", None, 16, "escalate", ["head"], BOTH, False),
    ),
    ClockKind.MQO_FOLLOWUP: (
        ("remind", 50, None, "remind", ["owner"], BOTH, False),
        ("remind-last", 90, None, "remind", ["owner"], BOTH, True),
        ("breach", 100, None, "breach", ["owner", "manager"], BOTH, True),
    ),
    ClockKind.REVIEW: (
        ("remind", 75, None, "remind", ["marketing"], ["inapp"], False),
        ("breach", 100, None, "breach", ["marketing"], BOTH, False),
    ),
    ClockKind.DISPUTE: (("breach", 100, None, "breach", ["marketing", "manager"], BOTH, False),),
}

# code, label, parent, facts it speaks about, hint, for reject, for lost, needs words
REASONS: tuple[tuple[str, str, str | None, list[str], str, bool, bool, bool], ...] = (
    ("wrong_fit", "Does not fit", None, [], "", True, False, False),
    (
        "too_small",
        "Too small",
        "wrong_fit",
        ["company.employees", "company.revenue"],
        "Fewer people than we can serve",
        True,
        True,
        False,
    ),
    ("wrong_industry", "Not our industry", "wrong_fit", ["company.industry"], "", True, True, False),
    ("wrong_region", "Not our region", "wrong_fit", ["lead.country", "company.country"], "", True, True, False),
    (
        "wrong_person",
        "Wrong person",
        "wrong_fit",
        ["lead.job_title", "lead.seniority", "lead.department"],
        "No say in buying",
        True,
        False,
        False,
    ),
    ("no_need", "No need or project", None, [], "Looked around, nothing planned", True, True, False),
    ("bad_timing", "Not now", None, [], "A project, but later: give the month in the note", True, True, False),
    (
        "unreachable",
        "Cannot be reached",
        None,
        ["lead.email_usable", "lead.contactable"],
        "Wrong number, mail bounced",
        True,
        False,
        False,
    ),
    ("known_already", "Known already", None, ["company.is_customer"], "Customer, or in talks with us", True, False, False),
    (
        "not_a_buyer",
        "Not a buyer",
        None,
        ["company.is_competitor", "lead.email_domain"],
        "Competitor, student, supplier",
        True,
        False,
        False,
    ),
    ("price", "Price", None, [], "", False, True, False),
    ("competitor_won", "Chose a competitor", None, [], "", False, True, False),
    ("other", "Something else", None, [], "Say what in the note", True, True, True),
)


@transaction.atomic
def install_defaults(zone: str = "") -> None:
    """Make what is missing; what is there, changed or not, is left as it is. `zone` is the calendar's time zone."""
    with connection.cursor() as cursor:  # one after the other, when several hosts start at once
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accord.defaults'))")
    install_reasons()
    zone = zone or settings.BUSINESS_ZONE
    WorkCalendar.objects.get_or_create(
        key=STANDARD, defaults={"version": 1, "name": "Office hours", "zone": zone, "weekly": OFFICE, "effective_from": SINCE}
    )
    if SlaPolicy.objects.filter(key=STANDARD).exists():
        return
    policy = SlaPolicy.objects.create(key=STANDARD, name="Standard", calendar_key=STANDARD, effective_from=SINCE)
    targets = SlaTarget.objects.bulk_create(
        SlaTarget(
            policy=policy, kind=kind, clock=measure, duration_us=hours * HOUR, calendar_from=calendar_from, backdate_us=backdate * HOUR,
            pause_cap_us=pause * HOUR or None,
        )
        for kind, measure, hours, calendar_from, backdate, pause in TARGETS
    )  # fmt: skip
    SlaStep.objects.bulk_create(
        SlaStep(
            target=target, code=code, percent=percent, after_us=None if after is None else after * HOUR, action=action, audience=audience,
            channels=channels, urgent=urgent,
        )
        for target in targets
        for code, percent, after, action, audience, channels, urgent in STEPS[ClockKind(target.kind)]
    )  # fmt: skip


def install_reasons() -> None:
    """The tree of reasons for rejecting and losing."""
    known = {reason.code: reason for reason in Reason.objects.all()}
    for is_child in (False, True):
        made = Reason.objects.bulk_create(
            Reason(
                code=code, label=label, parent=known.get(parent or ""), field_keys=fields, hint=hint, for_reject=for_reject, for_lost=for_lost,
                needs_words=needs_words, position=position,
            )
            for position, (code, label, parent, fields, hint, for_reject, for_lost, needs_words) in enumerate(REASONS, start=1)
            if code not in known and bool(parent) is is_child
        )  # fmt: skip
        known |= {reason.code: reason for reason in made}
