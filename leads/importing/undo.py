"""Taking an import back: what it created and nobody has touched since goes, what stays is listed with the reason."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError

from leads import clock, hooks
from leads.errors import AccordError
from leads.importing import actions, targets
from leads.importing.in_use import fields_used, touched_since
from leads.importing.settled import unsettle
from leads.importing.undo_cases import take_back_cases
from leads.jobs import Work
from leads.models import Activity, Campaign, Company, ImportRun, Lead, LeadField, Submission
from leads.revisions import touch_revisions

if TYPE_CHECKING:
    from django.db.models import QuerySet

BATCH = 500
LISTED = 500
CHANGED_SINCE = "it was changed since"
Status = Submission.Status
State = ImportRun.State


class UndoWork(Work):
    """Goes through what the run's submissions say it created, in the order of their ids."""

    run: ImportRun

    def begin(self) -> None:
        self.run = actions.running(self.job)
        self._moments = {datetime.fromisoformat(moment) for moment in self.job.payload.get("moments", ())}

    def step(self) -> bool:
        created = Submission.objects.filter(import_run=self.run).exclude(status=Status.REFUSED)
        if self.job.total is None:
            self.job.total = created.count()
            self.job.result = {"removed": 0, "left_count": 0, "left": []}
        if "company" in self.job.payload:
            return self._remove_next_companies()
        after = self.job.payload.get("after", 0)
        batch = list(created.filter(pk__gt=after).order_by("pk").only("lead_id", "status", "received_at")[:BATCH])
        if not batch:
            return self._then_companies()
        # Submissions go with their leads, so when this run wrote is kept with the job.
        self._moments |= {one.received_at for one in batch}
        if self.run.kind == targets.ACTIVITIES:
            self._remove_activities([one for one in batch if one.status == Status.CREATED])
        elif self.run.kind == targets.LEADS:
            # A person the file names twice is this run's own: the lead goes whole, or stays whole.
            own = self._made_here([one.lead_id for one in batch if one.lead_id])
            self._take_back_cases([one for one in batch if one.status != Status.CREATED and one.lead_id not in own], after)
            self._remove_leads([one.lead_id for one in batch if one.status == Status.CREATED and one.lead_id])
        elif self.run.kind == targets.OUTCOMES:
            self._take_back_cases(batch, after)
        moments = sorted(moment.isoformat() for moment in self._moments)
        self.job.payload = {**self.job.payload, "after": batch[-1].pk, "moments": moments}
        self.job.position += len(batch)
        return len(batch) == BATCH or self._then_companies()

    def _then_companies(self) -> bool:
        """A run of companies goes on with what its submissions do not name: the companies it made."""
        if self.run.kind != targets.COMPANIES:
            return False
        self.job.payload = {**self.job.payload, "company": 0}
        return True

    def done(self) -> None:
        self._remove_fields()
        self._remove_campaigns()
        unsettle(self.run, self._moments)
        if self.run.kind == targets.LEADS:
            self._tell_of_known_leads()
        if self.run.kind in (targets.LEADS, targets.COMPANIES):
            self._tell_of_known_companies()
        if missing := self.job.payload.get("missing"):
            name = "1 activity" if missing == 1 else f"{missing:,} activities"
            self._leave(
                name, "no longer where the import put it" if missing == 1 else "no longer where the import put them", missing
            )
        actions.move(self.job, (State.RUNNING,), State.UNDONE, undone_at=clock.now(), undo_result=self.job.result)

    def _made_here(self, lead_ids: Iterable[int]) -> set[int]:
        """Which of these leads this run created."""
        created = Submission.objects.filter(import_run=self.run, status=Status.CREATED, lead__in=set(lead_ids))
        return set(created.values_list("lead_id", flat=True))

    def _tell_of_known_leads(self) -> None:
        """Leads that were there before, each once: what was done to most of them first."""
        before = [Status.CREATED]
        for status, words in ((Status.UPDATED, "updated"), (Status.ATTACHED, "known before")):
            told_otherwise = Submission.objects.filter(import_run=self.run, status__in=before, lead=OuterRef("lead"))
            told = Submission.objects.filter(~Exists(told_otherwise), import_run=self.run, status=status, lead__isnull=False)
            count = told.values("lead").distinct().count()
            before.append(status)
            if count:
                name = "1 lead that was there before" if count == 1 else f"{count:,} leads that were there before"
                self._leave(name, f"{words} by the import; what it said stays", count)

    def _tell_of_known_companies(self) -> None:
        """Companies that were there before and have what the run said as their last word."""
        known = Company.objects.filter(updated_at__in=self._moments).exclude(created_at__in=self._moments)
        if count := known.count():
            name = "1 company that was there before" if count == 1 else f"{count:,} companies that were there before"
            self._leave(name, "updated by the import; what it said stays", count)

    def stopped(self) -> None:
        actions.move(self.job, (State.RUNNING,), State.STOPPED)

    def failed(self, error: AccordError) -> None:
        actions.move(self.job, (State.RUNNING,), State.FAILED, error=f"Undo: {error.message}")

    def resumed(self) -> None:
        actions.go_on(self.job, (State.STOPPED, State.FAILED), State.RUNNING)

    def _leave(self, name: str, why: str, count: int = 1) -> None:
        self.job.result["left_count"] += count
        if len(self.job.result["left"]) < LISTED:
            self.job.result["left"].append({"name": name, "why": why})

    def _remove_leads(self, ids: Sequence[int]) -> None:
        for claim in hooks.leads_going:
            claim(ids)
        leads = {lead.pk: lead for lead in Lead.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
        why = touched_since(self.run, list(leads))
        for pk, reason in why.items():
            self._leave(leads[pk].name, reason)
        free = [pk for pk in leads if pk not in why]
        companies = {company for pk in free if (company := leads[pk].company_id) is not None}
        Lead.objects.filter(pk__in=free).delete()
        self.job.result["removed"] += len(free)
        self._remove_companies(Company.objects.filter(pk__in=companies))

    def _take_back_cases(self, batch: Sequence[Submission], after: int) -> None:
        """Cases of leads that were there before, each lead with the first of its rows."""
        ids = {one.lead_id for one in batch if one.lead_id}
        earlier = Submission.objects.filter(import_run=self.run, lead__in=ids, pk__lte=after).exclude(status=Status.REFUSED)
        ids -= set(earlier.values_list("lead_id", flat=True))
        removed, left = take_back_cases(self.run, sorted(ids), actor=self.job.created_by)
        self.job.result["removed"] += removed
        for name, why in left:
            self._leave(name, why)

    def _remove_activities(self, batch: Sequence[Submission]) -> None:
        """Activities are known by lead and moment: each row that is new wrote one as it came in."""
        rows = {(one.lead_id, one.received_at) for one in batch}
        written = Activity.objects.filter(
            lead__in={lead_id for lead_id, _ in rows if lead_id}, recorded_at__in={at for _, at in rows}
        )
        mine = {pk: lead for pk, lead, at in written.values_list("pk", "lead_id", "recorded_at") if (lead, at) in rows}
        touch_revisions(sorted(set(mine.values())))
        removed, _ = Activity.objects.filter(pk__in=mine).delete()
        self.job.result["removed"] += removed
        self.job.payload["missing"] = self.job.payload.get("missing", 0) + len(batch) - removed

    def _remove_companies(self, candidates: "QuerySet[Company]") -> None:
        """Companies this run made, stamped with the moment of one of its batches, while nobody works there or owns them."""
        mine = candidates.filter(created_at__in=self._moments, leads__isnull=True, account_owner__isnull=True)
        free = []
        for company in mine.select_for_update(of=("self",)).order_by("pk"):
            if company.updated_at in self._moments:
                free.append(company.pk)
            else:
                self._leave(company.name, CHANGED_SINCE)
        Company.objects.filter(pk__in=free).delete()

    def _remove_next_companies(self) -> bool:
        """The next of the companies this run made, in the order of their ids; those in use are listed."""
        found = Company.objects.select_for_update(of=("self",)).filter(
            created_at__in=self._moments, pk__gt=self.job.payload["company"]
        )
        batch = list(found.order_by("pk")[:BATCH])
        if not batch:
            return False
        worked_at = set(Lead.objects.filter(company__in=batch).values_list("company_id", flat=True))
        free = []
        for company in batch:
            if company.pk in worked_at:
                self._leave(company.name, "leads work there by now")
            elif company.account_owner_id is not None:
                self._leave(company.name, "it has an account owner")
            elif company.updated_at not in self._moments:
                self._leave(company.name, CHANGED_SINCE)
            else:
                free.append(company.pk)
        Company.objects.filter(pk__in=free).delete()
        self.job.result["removed"] += len(free)
        self.job.payload = {**self.job.payload, "company": batch[-1].pk}
        return len(batch) == BATCH

    def _remove_fields(self) -> None:
        """Custom fields this run made, no lead has a value in and nothing speaks of."""
        free = []
        for field in LeadField.objects.filter(key__in=self.run.options.get("fields_made", [])):
            if Lead.objects.filter(attributes__has_key=field.key).exists():
                self._leave(f"Field {field.label}", "leads have a value in it")
            else:
                free.append(field)
        why = fields_used([field.key for field in free])
        for field in free:
            if field.key in why:
                self._leave(f"Field {field.label}", why[field.key])
            else:
                field.delete()

    def _remove_campaigns(self) -> None:
        """Campaigns this run made, as long as nobody has described them and nothing came by them or counts them."""
        made = list(Campaign.objects.select_for_update().filter(pk__in=self.run.options.get("campaigns_made", ())).order_by("pk"))
        if self.run.campaign_id in {campaign.pk for campaign in made}:
            ImportRun.objects.filter(pk=self.run.pk).update(campaign=None)
        why = {pk: reason for ask in hooks.campaigns_in_use for pk, reason in ask([campaign.pk for campaign in made]).items()}
        for campaign in made:
            reason = why.get(campaign.pk) or ("it was described since" if campaign.is_described else "")
            try:
                if not reason:
                    with transaction.atomic():
                        campaign.delete()
            except ProtectedError:
                reason = "leads came by it"
            if reason:
                self._leave(f"Campaign {campaign.name}", reason)
