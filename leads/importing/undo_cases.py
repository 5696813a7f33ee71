"""Taking back the cases a run gave to leads that were there before, and the stages that went with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from leads import clock, hooks
from leads.choices import CaseKind
from leads.models import Case, ImportRun, Lead, LeadEvent, Submission, User
from leads.revisions import touch_revisions
from leads.stages import STAGE_OF_OUTCOME

if TYPE_CHECKING:
    from django.db.models import QuerySet

Kind = LeadEvent.Kind


@dataclass(slots=True)
class _Told:
    """What a run told of one lead, in the order it did."""

    made: list[int] = field(default_factory=list)  # ids of cases
    first: int = 0  # the event of the first of them
    outcomes: set[str] = field(default_factory=set)  # how they ended, as far as the run knows
    kept: list[str] = field(default_factory=list)  # why what it told of other cases stays
    moves: list[LeadEvent] = field(default_factory=list)

    def add(self, event: LeadEvent) -> None:
        changes = event.changes
        if event.kind == Kind.STAGE:
            if changes["lead.stage"][1] in STAGE_OF_OUTCOME.values():
                self.moves.append(event)
        elif "case" in changes:
            self.first = self.first or event.pk
            self.made.append(changes["case"])
            self.outcomes.add(changes["outcome"][1])
        elif self.made:
            self.outcomes |= {changes["outcome"][1]} if "outcome" in changes else set()
        elif "outcome" in changes:
            self.kept.append(f"its open case ended as {changes['outcome'][1]}; that stays")
        else:
            self.kept.append("its case was there before and keeps what the import added")


def take_back_cases(run: ImportRun, lead_ids: Sequence[int], *, actor: User | None) -> tuple[int, list[tuple[str, str]]]:
    """Remove the cases this run made for these leads, in the caller's transaction.

    Answers how many went, and (lead, why) of what stays: a case that somebody else spoke of since, or that something ended with.
    """
    leads = {lead.pk: lead for lead in Lead.objects.select_for_update(no_key=True).filter(pk__in=lead_ids).order_by("pk")}
    told: dict[int, _Told] = {}
    for event in own_events(run).filter(lead__in=leads, kind__in=(Kind.OUTCOME, Kind.STAGE)).order_by("pk"):
        told.setdefault(event.lead_id, _Told()).add(event)
    left = [(leads[pk].name, why) for pk, one in told.items() for why in one.kept]
    mine = {pk: one for pk, one in told.items() if one.made}
    stays = _stay(run, mine)
    left += [(leads[pk].name, why) for pk, why in stays.items()]
    going = {pk: one for pk, one in mine.items() if pk not in stays}
    removed = [pk for one in going.values() for pk in one.made]
    Case.objects.filter(pk__in=removed).delete()
    touch_revisions([pk for pk, one in going.items() if _put_back_stage(leads[pk], one.moves, actor)])
    return len(removed), left


def own_events(run: ImportRun) -> "QuerySet[LeadEvent]":
    """What the rows of a run did to leads: written in the moment in which the rows came in."""
    return LeadEvent.objects.filter(_by(run))


def others_events(run: ImportRun) -> "QuerySet[LeadEvent]":
    """What anything else did to leads."""
    return LeadEvent.objects.filter(~_by(run))


def _by(run: ImportRun) -> Exists:
    return Exists(Submission.objects.filter(import_run=run, lead=OuterRef("lead"), received_at=OuterRef("at")))


def _stay(run: ImportRun, mine: dict[int, _Told]) -> dict[int, str]:
    """Of which of these leads the cases stay, and why."""
    why: dict[int, str] = {}
    for ask in hooks.cases_in_use:
        used = ask([case for one in mine.values() for case in one.made])
        why |= {pk: used[case] for pk, one in mine.items() for case in one.made if case in used}
    changed = "its case was changed since"
    for pk, event in others_events(run).filter(lead__in=mine, kind=Kind.OUTCOME).values_list("lead_id", "pk"):
        if event > mine[pk].first:
            why.setdefault(pk, changed)
    cases = {case.pk: case for case in Case.objects.filter(lead__in=mine).only("lead_id", "kind", "outcome")}
    for pk, one in mine.items():
        found = [cases.get(case) for case in one.made]
        if any(case is None or case.kind != CaseKind.IMPORTED or case.outcome not in one.outcomes for case in found):
            why.setdefault(pk, changed)
    since = LeadEvent.objects.filter(
        pk__in=[one.first for one in mine.values()], lead=OuterRef("lead"), at__lt=OuterRef("received_at")
    )
    again = Submission.objects.filter(Exists(since), lead__in=mine, kind="outcome").exclude(import_run=run)
    for pk in again.exclude(status=Submission.Status.REFUSED).values_list("lead_id", flat=True):
        if pk is not None:
            why.setdefault(pk, "its outcome was told again since")
    return why


def _put_back_stage(lead: Lead, moves: Sequence[LeadEvent], actor: User | None) -> bool:
    """Where the lead stood before the run moved it, unless it has moved on since."""
    if not moves:
        return False
    old, new = moves[0].changes["lead.stage"][0], moves[-1].changes["lead.stage"][1]
    at = clock.now()
    still_there = Lead.objects.filter(pk=lead.pk, stage=new, stage_since=moves[-1].at)
    if not still_there.update(stage=old, stage_since=at, stage_reason="Import undone"):
        return False
    LeadEvent.objects.create(
        lead=lead, kind=Kind.UNDONE, actor=actor, at=at, changes={"lead.stage": [new, old]}, reason="Import undone"
    )
    return True
