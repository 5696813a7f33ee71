"""Everything the page of a lead shows of this layer, read in a fixed number of queries."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.formats import date_format

from leads.changes import Changes, changes_of, words_of
from leads.choices import ContactProblem, FieldType, Stage
from leads.errors import NotFound
from leads.models import ExternalId, Lead, LeadEvent, LeadField, User
from leads.slots import LeadPanel, slots
from leads.stage_words import STAGE_WORDS, StageWords
from leads.timeline import Place, Timeline, timeline

OTHER_LEADS = 5
WAY = (Stage.INQUIRY, Stage.PROSPECT, Stage.MQL, Stage.SAL, Stage.SQL, Stage.WON)


@dataclass(frozen=True, slots=True)
class OwnFact:
    """A value of one of the company's own fields, as people read it."""

    label: str
    words: str
    help: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A card that a layer above adds, with what its template needs."""

    slot: LeadPanel
    context: dict[str, Any]


def lead_seen_by(user: User, pk: int) -> Lead:
    """The lead, when this person may see it; NotFound for all others, whether it exists or not."""
    rows = Lead.objects.visible_to(user).select_related(
        "company", "company__account_owner", "owner", "first_campaign", "product_interest"
    )
    lead = rows.prefetch_related(Prefetch("external_ids", ExternalId.objects.order_by("system", "value"))).filter(pk=pk).first()
    if lead is None:
        raise NotFound("There is no such lead among those you may see.")
    return lead


class LeadView:
    """A lead as one person sees it."""

    def __init__(self, lead: Lead, user: User) -> None:
        self.lead = lead
        self.user = user

    @property
    def may_change(self) -> bool:
        return self.user.has_perm("leads.change_lead")

    @property
    def stage_words(self) -> StageWords:
        return STAGE_WORDS[Stage(self.lead.stage)]

    @property
    def all_stage_words(self) -> list[tuple[Stage, StageWords]]:
        return list(STAGE_WORDS.items())

    @cached_property
    def times_qualified(self) -> int:
        """How often the lead became an MQL; at least once for one that is. An answer taken back or another try is no new time."""
        again = (Stage.SAL, Stage.SQL, Stage.REJECTED)
        return max(
            1, sum(kind == LeadEvent.Kind.STAGE and new == Stage.MQL and old not in again for kind, old, new in self._stage_moves)
        )

    @cached_property
    def stages_passed(self) -> set[str]:
        """The stages of the way to won that the lead was in before the one it is in; one it was taken back from is none."""
        passed: set[str] = {Stage.INQUIRY}
        for _, old, new in self._stage_moves:
            passed.add(old)
            if new in WAY:
                passed -= set(WAY[WAY.index(new) :])
        return passed

    @cached_property
    def _stage_moves(self) -> list[tuple[str, str, str]]:
        """Every change of stage in order, an import's undo too: kind of event, old and new stage."""
        kinds = (LeadEvent.Kind.STAGE, LeadEvent.Kind.UNDONE)
        told = LeadEvent.objects.filter(lead=self.lead, kind__in=kinds, changes__has_key="lead.stage").order_by("at", "pk")
        return list(told.values_list("kind", "changes__lead.stage__0", "changes__lead.stage__1"))

    @cached_property
    def own_fields(self) -> list[LeadField]:
        return list(LeadField.objects.filter(active=True))

    @property
    def own_facts(self) -> list[OwnFact]:
        """What is known of the company's own fields, in their order."""
        said = self.lead.attributes
        return [
            OwnFact(field.label, self._own_words(field, said[field.key]), field.help)
            for field in self.own_fields
            if said.get(field.key) not in (None, "", [])
        ]

    @staticmethod
    def _own_words(field: LeadField, value: object) -> str:
        if field.type == FieldType.NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:,}"
        if field.type == FieldType.DATE and isinstance(value, str) and (day := parse_date(value[:10])):
            return date_format(day, "j M Y")
        return words_of(f"custom.{field.key}", value)

    @property
    def contact_problem(self) -> str:
        """Why the lead cannot be reached, in words; empty when it can."""
        return "" if self.lead.contactable or not self.lead.contact_problem else ContactProblem(self.lead.contact_problem).label

    @cached_property
    def colleagues(self) -> list[Lead]:
        """Other leads of the same company this person may see, the newest first; one more than are shown."""
        if self.lead.company_id is None:
            return []
        others = Lead.objects.visible_to(self.user).filter(company=self.lead.company_id).exclude(pk=self.lead.pk)
        return list(
            others.only("first_name", "last_name", "email", "phone", "job_title", "stage", "company_id")[: OTHER_LEADS + 1]
        )

    def timeline(self, show: str = "all", after: Place | None = None) -> Timeline:
        return timeline(self.lead, show=show, after=after)

    def changes(self, after: Place | None = None) -> Changes:
        return changes_of(self.lead, self.own_fields, after=after)

    def panels(self, request: HttpRequest, column: str) -> list[Panel]:
        """The cards of the layers above for one column of the page, in their order; those with nothing to say are left out."""
        wanted = sorted((slot for slot in slots.lead_panels if slot.column == column), key=lambda slot: slot.order)
        found = ((slot, slot.context(request, self.lead)) for slot in wanted)
        return [Panel(slot, context) for slot, context in found if context is not None]
