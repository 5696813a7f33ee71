"""What every intake does alike: who brings it and when, again when overtaken, the raw item and the history written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from django.db import IntegrityError, OperationalError, transaction
from psycopg import errors

from leads import clock
from leads.actions.authority import demand
from leads.copying import copy
from leads.errors import Conflict
from leads.events import Happened, write_history
from leads.intake import store
from leads.intake.companies import Changed
from leads.intake.incoming import AboutLead, Incoming, Problem
from leads.intake.people import Person
from leads.intake.reading import is_storable, storable
from leads.models import LeadEvent, User

ATTEMPTS = 10
# Channels whose history counts from when it happened, not from when we learnt of it.
TRUSTED_HISTORY = frozenset({"import"})
Result = TypeVar("Result")


class Context:
    """Who takes what in, by which way and when."""

    __slots__ = ("act_id", "actor", "api_key_id", "at", "channel", "import_run_id")

    def __init__(
        self, actor: User | None, channel: str, at: datetime | None, import_run_id: int | None, api_key_id: int | None
    ) -> None:
        demand(actor, "leads.import_leads", "leads.change_lead", to="bring in leads")
        self.actor = actor
        self.channel = channel
        self.at = at or clock.now()
        self.import_run_id = import_run_id
        self.api_key_id = api_key_id
        self.act_id: UUID = uuid4()


def again_when_overtaken(work: Callable[[], Result]) -> Result:
    """Do `work` in a transaction of its own, anew when another intake took in the same thing meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return work()
        except Changed:
            continue
        except IntegrityError as error:
            if not isinstance(error.__cause__, errors.UniqueViolation):
                raise
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.DeadlockDetected):
                raise
    raise Conflict("Others are writing the same leads at this moment. Send it again.", code="busy")


def write_events(people: Sequence[Person], actor: User | None, at: datetime, act_id: UUID | None = None) -> None:
    """What happened to each person, as the history of the leads: came in, changed, moved on."""

    def happened() -> Iterator[Happened]:
        for person in people:
            pk, stage, reason = person.row["id"], person.row["stage"], person.row["stage_reason"]
            if person.is_new:
                yield Happened(pk, LeadEvent.Kind.CREATED, {"lead.stage": [None, person.stage_was or stage]}, reason)
            elif person.changes:
                yield Happened(pk, LeadEvent.Kind.UPDATED, person.changes)
            if person.moved:
                yield Happened(pk, LeadEvent.Kind.STAGE, {"lead.stage": [person.stage_was, stage]}, reason)

    write_history(happened(), actor=actor, at=at, act_id=act_id or uuid4())


def write_submissions(
    ids: Sequence[int],
    items: Sequence[Incoming] | Sequence[AboutLead],
    answers: Sequence[tuple[str, int | None, Sequence[Problem]]],
    kind: str,
    context: Context,
) -> None:
    """Keep every item raw, with what became of it."""
    given: Sequence[Incoming | AboutLead] = items
    copy(
        "leads_submission",
        store.SUBMISSION_COLUMNS,
        (
            (
                pk,
                context.channel,
                kind,
                item.source[:80] if is_storable(item.source) else "",
                item.campaign_id,
                lead_id,
                context.at,
                storable(item.raw),
                status,
                storable([asdict(one) for one in problems]) if problems else "[]",
                context.import_run_id,
                item.line,
                context.api_key_id,
            )
            for pk, item, (status, lead_id, problems) in zip(ids, given, answers, strict=True)
        ),
    )
