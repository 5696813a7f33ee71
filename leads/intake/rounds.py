"""Which round of a lead an outcome speaks of: the one that goes on now, or one that was over before."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings

from leads import hooks
from leads.choices import Outcome
from leads.intake.incoming import IncomingOutcome, Problem
from leads.intake.reading import SKEW
from leads.models import Case, LeadEvent, User
from leads.stages import STAGE_OF_OUTCOME

DAY = timedelta(days=1)


class Rounds:
    """When the present round of each lead began. Asks the layers above about `with_sales` only: elsewhere nothing is open.

    `began` are the times from which the leads' engagement counts anew, by id, None where it never did.
    """

    def __init__(self, began: Mapping[int, datetime | None], with_sales: Collection[int], actor: User | None) -> None:
        self._began = {pk: at for pk, at in began.items() if at is not None}
        self._zones: set[tzinfo] = {UTC, ZoneInfo(settings.BUSINESS_ZONE), *([actor.zone] if actor else [])}
        for ask in hooks.open_since if with_sales else ():
            for pk, at in ask(sorted(with_sales)).items():
                self._began[pk] = max(at, self._began.get(pk, at))

    def is_past(self, pk: int, outcome: IncomingOutcome) -> bool:
        """Whether the outcome was there before the lead's present round began."""
        return outcome.at is not None and pk in self._began and self._before(outcome.at, self._began[pk])

    def is_older(self, outcome: IncomingOutcome, case: Case) -> bool:
        """Whether the outcome was there before the case came to the end that is known."""
        return (
            outcome.at is not None
            and case.outcome_at is not None
            and Outcome(case.outcome) in STAGE_OF_OUTCOME
            and self._before(outcome.at, case.outcome_at)
        )

    def _before(self, at: datetime, start: datetime) -> bool:
        """Midnight is how a day without an hour comes in: it speaks of the whole day. Other systems' clocks differ a little."""
        local = (at.astimezone(zone) for zone in self._zones)
        is_day = any(moment.hour == moment.minute == moment.second == 0 for moment in local)
        return at + (DAY if is_day else SKEW) < start


def told_as_it_happened(cases: Iterable[Case]) -> set[int]:
    """Which of these cases ended at the very moment somebody said so: the time of such an end is known no better."""
    ends = {(case.lead_id, case.outcome_at): case.pk for case in cases}
    if not ends:
        return set()
    events = LeadEvent.objects.filter(lead_id__in={pk for pk, _ in ends}, kind=LeadEvent.Kind.OUTCOME)
    return {ends[said] for said in events.values_list("lead_id", "at") if said in ends}


def of_an_earlier_round(outcome: IncomingOutcome) -> Problem:
    """The note that an outcome became a past case only."""
    return _note(outcome, "lies before what goes on with the lead now: it is kept as a past case and moves nothing")


def known_better(outcome: IncomingOutcome, case: Case) -> Problem:
    """The note that a newer end is known."""
    return _note(
        outcome, f"lies before the end that is known, “{case.get_outcome_display()}” of {_day(case.outcome_at)}, which stays"
    )


def _note(outcome: IncomingOutcome, words: str) -> Problem:
    day = _day(outcome.at)
    return Problem("older_outcome", "outcome_at", day, f"“{Outcome(outcome.outcome).label}” of {day} {words}.")


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else ""
