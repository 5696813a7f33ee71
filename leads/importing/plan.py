"""The check before an import: the whole file through the real intake, counted, and taken back batch by batch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import transaction

from leads import clock, normalise
from leads.errors import AccordError
from leads.facts import facts_of
from leads.importing import actions, targets
from leads.importing.batches import Counts, Feeder, fields_for, make_fields, pieces
from leads.importing.convert import Converted
from leads.importing.mapping import FileMapping
from leads.importing.reader import Row, rows
from leads.importing.run import refusals_of
from leads.importing.survey import Survey
from leads.intake.incoming import Taken
from leads.jobs import Work
from leads.lib.folding import fold
from leads.models import ImportRefusal, ImportRun
from leads.slots import slots

if TYPE_CHECKING:
    from django.db.models import QuerySet

FORECAST_ROWS = 3_000
NOTES = 20


class CheckWork(Work):
    """Counts what an import would do. Begins anew when it was interrupted: it writes nothing but its counts."""

    run: ImportRun
    _survey: Survey | None = None

    def begin(self) -> None:
        self.run = actions.run_of(self.job)
        self.job.position, self.job.total = 0, None
        self._survey = Survey(self.run)
        self._found: dict[str, Any] = {}
        self._counts = Counts()
        self._notes: dict[tuple[str, str], list[Any]] = {}  # count and an example by code and field
        self._facts: list[dict[str, object]] = []
        self._sampled = 0
        # Whom the file has named so far: taken back between batches, the intake cannot know.
        self._seen: set[int] = set()
        self._mapping = FileMapping.from_json(self.run.mapping)
        self._names = [column["name"] for column in self.run.columns]

    def step(self) -> bool:
        if self._survey is not None:
            return self._read_on(self._survey)
        batch = pieces(self._rows)
        if batch:
            self._try(batch)
            self.job.position = batch[-1].number
        self._keep()
        return bool(batch)

    def _read_on(self, survey: Survey) -> bool:
        if survey.step():
            self.job.progress_text = f"Reading the file: {survey.count:,} rows"
            return True
        self._found = survey.result
        self.job.total = survey.count
        self.job.progress_text = ""
        survey.close()
        self._survey = None
        ImportRefusal.objects.filter(run=self.run).delete()
        self._fields = fields_for(self._mapping, self._found["choices"])
        self._feeder = Feeder(self.run, self._mapping, self._names, self._fields, self.run.created_by, clock.now())
        self._opened = actions.opened(self.run)
        self._rows = rows(self._opened.__enter__(), actions.layout_of(self.run))
        return True

    def _try(self, batch: Sequence[Row]) -> None:
        self._feeder.at = clock.now()
        taken_back = transaction.savepoint()
        make_fields(self._mapping, self._fields)
        answers = self._feeder.take(batch)
        if self.run.kind == targets.LEADS and self._sampled < FORECAST_ROWS:
            self._sampled += len(answers)
            open_leads = [one.lead_id for one in answers if one.lead_id and one.case_id is None]
            self._facts += facts_of(open_leads).values()
        transaction.savepoint_rollback(taken_back)
        self._feeder.forget()
        keys = [self._keys(one) for one in self._feeder.converted]
        answers = [self._known_from_before(found, one) for found, one in zip(keys, answers, strict=True)]
        for found, one in zip(keys, answers, strict=True):
            if one.status != "refused":
                self._seen |= found
        self._counts.add(answers)
        ImportRefusal.objects.bulk_create(refusals_of(self.run, self._feeder, batch, answers))
        for one in answers:
            for problem in one.problems if one.status != "refused" else ():
                self._notes.setdefault((problem.code, problem.field), [0, problem.message])[0] += 1

    def _known_from_before(self, keys: set[int], one: Taken) -> Taken:
        """What the import would really say of somebody an earlier batch of this file has brought: updated, not created."""
        if one.status == "created" and not keys.isdisjoint(self._seen):
            return replace(one, status="updated")
        return one

    def _keys(self, one: Converted) -> set[int]:
        """By what the intake knows somebody again, small enough to be kept for a million rows."""
        said = {name: str(value) for name, value in one.values.items() if isinstance(value, str)}
        if self.run.kind == targets.COMPANIES:
            domain = normalise.domain(said.get("company.domain", ""))
            return {hash(("domain", domain) if domain else ("name", fold(said.get("company.name"))))}
        keys: set[tuple[str, ...]] = set()
        if one.external_id:
            keys.add(("id", one.external_id))
        if self.run.kind == targets.ACTIVITIES:
            return {hash(("event", one.source_id))} if one.source_id else set()
        if email := normalise.email(said.get("lead.email", "")).key:
            keys.add(("email", email))
        elif number := normalise.phone(said.get("lead.phone", ""), normalise.country(said.get("lead.country", "")) or "").e164:
            keys.add(("phone", number, fold(said.get("lead.last_name"))))
        return {hash(key) for key in keys}

    def _mine(self) -> "QuerySet[ImportRun]":
        """The run, while it is still to be checked by this job and as it was mapped when the job began."""
        return ImportRun.objects.filter(pk=self.run.pk, state=ImportRun.State.MAPPED, job=self.job, mapping=self.run.mapping)

    def _keep(self) -> None:
        counts = self._counts
        kept = self._mine().update(
            check_result={
                **self._found,
                "received": counts.received,
                "created": counts.created,
                "updated": counts.updated,
                "attached": counts.attached,
                "refused": counts.refused,
                "cases": counts.cases,
                "undated": counts.undated,
                "notes": [
                    {"code": code, "field": field, "message": message, "count": count}
                    for (code, field), (count, message) in sorted(self._notes.items(), key=lambda note: -note[1][0])[:NOTES]
                ],
            }
        )
        if not kept:
            raise AccordError("The columns were changed meanwhile. Check the file again.", code="check_outdated")

    def done(self) -> None:
        result = ImportRun.objects.values_list("check_result", flat=True).get(pk=self.run.pk)
        result["forecast"] = self._forecast()
        self._mine().update(state=ImportRun.State.CHECKED, check_result=result)
        self.job.result = {key: result[key] for key in ("received", "created", "updated", "attached", "refused", "cases")}

    def _forecast(self) -> list[str]:
        if self.run.kind != targets.LEADS or not self._facts:
            return []
        open_share = len(self._facts) / max(1, self._sampled)
        total = round((self._counts.received - self._counts.refused) * min(1.0, open_share))
        return [line for forecast in slots.import_forecasts for line in forecast(self._facts, total)]

    def failed(self, error: AccordError) -> None:
        actions.move(self.job, (ImportRun.State.MAPPED,), ImportRun.State.MAPPED, error=error.message, check_result={})

    def resumed(self) -> None:
        actions.go_on(self.job, (ImportRun.State.MAPPED,), ImportRun.State.MAPPED)

    def gives_way(self) -> bool:
        """It would begin anew, and two of them would never end."""
        return False

    def close(self) -> None:
        if self._survey is not None:
            self._survey.close()
        if hasattr(self, "_opened"):
            self._opened.__exit__(None, None, None)
