"""The import itself, and the second try of what it refused.

Each batch is one transaction with its rows, its refusals and its position.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import F

from leads import clock
from leads.errors import AccordError
from leads.importing import actions
from leads.importing.batches import FIELD_EXISTS, SIZE, Counts, Feeder, fields_for, lock_new_fields, make_fields, pieces
from leads.importing.campaigns import make_campaign
from leads.importing.convert import cells_of
from leads.importing.mapping import FileMapping
from leads.importing.reader import Row, rows
from leads.importing.settled import settle
from leads.importing.survey import Survey
from leads.intake.incoming import Problem, Taken
from leads.jobs import Work
from leads.models import ImportRefusal, ImportRun, Job, Submission, User
from leads.slots import slots

State = ImportRun.State


class RunWork(Work):
    """Takes in a file from the row after the job's position."""

    run: ImportRun

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._survey: Survey | None = None
        self._feeder: Feeder | None = None

    def begin(self) -> None:
        self.run = actions.running(self.job)
        self._mapping = FileMapping.from_json(self.run.mapping)
        if "choices" not in self.run.check_result:
            self._survey = Survey(self.run)

    def step(self) -> bool:
        if self._survey is not None:
            return self._read_on(self._survey)
        feeder = self._feeder or self._begin()
        batch = [] if "scored" in self.job.payload else pieces(self._rows)
        if not batch:
            return self._score()
        feeder.at = clock.now()
        answers = feeder.take(batch)
        undated = keep(self.run, feeder, batch, answers).undated
        self.job.result = {**self.job.result, "undated": self.job.result.get("undated", 0) + undated}
        self.job.position = batch[-1].number
        return True

    def _score(self) -> bool:
        """Have the next of the run's leads scored, where somebody above does that and the person asked for it."""
        if not slots.score_now or not self.run.options.get("score_after"):
            return False
        after = self.job.payload.get("scored", 0)
        found = Submission.objects.filter(import_run=self.run, pk__gt=after, lead__isnull=False).order_by("pk")
        batch = list(found.values_list("pk", "lead_id")[:SIZE])
        if not batch:
            return False
        for score in slots.score_now:
            score([lead_id for _, lead_id in batch if lead_id])
        self.job.payload = {**self.job.payload, "scored": batch[-1][0]}
        self.job.progress_text = "Scoring"
        return len(batch) == SIZE

    def _read_on(self, survey: Survey) -> bool:
        if survey.step():
            self.job.progress_text = f"Reading the file: {survey.count:,} rows"
            return True
        self.job.progress_text = ""
        self.run.check_result = {**self.run.check_result, **survey.result}
        ImportRun.objects.filter(pk=self.run.pk).update(check_result=self.run.check_result)
        survey.close()
        self._survey = None
        return True

    def _begin(self) -> Feeder:
        choices = self.run.check_result["choices"]
        lock_new_fields(self._mapping, choices)
        fields = fields_for(self._mapping, choices)
        self.job.total = self.run.check_result["rows"]
        made = make_fields(self._mapping, fields)
        if made:
            self.run.options["fields_made"] = sorted({*self.run.options.get("fields_made", ()), *made})
            ImportRun.objects.filter(pk=self.run.pk).update(options=self.run.options)
        make_campaign(self.run)
        self._opened = actions.opened(self.run)
        self._rows = rows(self._opened.__enter__(), actions.layout_of(self.run), start=self.job.position)
        self._feeder = feeder_of(self.run, self._mapping, self.job.created_by)
        return self._feeder

    def gives_way(self) -> bool:
        """A workbook, and a survey, would be read from the beginning again."""
        return self._survey is None and actions.layout_of(self.run).format != "xlsx"

    def done(self) -> None:
        self._end(State.DONE)

    def stopped(self) -> None:
        self._end(State.STOPPED)

    def failed(self, error: AccordError) -> None:
        if error.code == FIELD_EXISTS:  # nothing was taken in yet, and a column has to be decided anew
            actions.move(self.job, (State.RUNNING,), State.MAPPED, error=error.message, check_result={}, started_at=None)
        else:
            self._end(State.FAILED, error.message)

    def resumed(self) -> None:
        actions.go_on(self.job, (State.STOPPED, State.FAILED), State.RUNNING)

    def _end(self, state: str, error: str = "") -> None:
        actions.move(self.job, (State.RUNNING,), state, error=error, finished_at=clock.now())

    def close(self) -> None:
        if self._survey is not None:
            self._survey.close()
        if self._feeder is not None:
            self._opened.__exit__(None, None, None)


class RetryWork(Work):
    """Tries the refused rows of a run again; those taken now leave the list and change sides in the totals."""

    run: ImportRun

    def begin(self) -> None:
        self.run = actions.running(self.job)
        self._feeder = feeder_of(self.run, FileMapping.from_json(self.run.mapping), self.job.created_by)

    def step(self) -> bool:
        waiting = ImportRefusal.objects.filter(run=self.run, corrected_at=None)
        if self.job.total is None:
            self.job.total = waiting.count()
        batch = list(waiting.filter(line__gt=self.job.payload.get("after", 0)).order_by("line")[:SIZE])
        if not batch:
            return False
        try_again(self.run, self._feeder, batch)
        self.job.payload = {**self.job.payload, "after": batch[-1].line}
        self.job.position += len(batch)
        return len(batch) == SIZE

    def done(self) -> None:
        self._back()

    def stopped(self) -> None:
        self._back()

    def failed(self, error: AccordError) -> None:
        self._back(error.message)

    def _back(self, error: str = "") -> None:
        """The run is as it was before; the 24 hours of its undo go on."""
        actions.move(self.job, (State.RUNNING,), State.DONE, error=error)

    def resumed(self) -> None:
        actions.go_on(self.job, (State.DONE,), State.RUNNING)


def feeder_of(run: ImportRun, mapping: FileMapping, actor: User | None) -> Feeder:
    """What takes rows of a run in on behalf of `actor`."""
    fields = fields_for(mapping, run.check_result.get("choices", {}))
    return Feeder(run, mapping, [column["name"] for column in run.columns], fields, actor, clock.now())


def keep(run: ImportRun, feeder: Feeder, batch: Sequence[Row], answers: Sequence[Taken]) -> Counts:
    """Add a batch's counts to the run and its refusals to the list, in the transaction that took it in; returns the counts."""
    counts = Counts()
    counts.add(answers)
    refused = refusals_of(run, feeder, batch, answers)
    if refused:
        ImportRefusal.objects.bulk_create(refused)
    if run.corrects_id is not None:
        taken = (row for row, answer in zip(batch, answers, strict=True) if answer.status != "refused")
        settle(run, map(feeder.converter.raw, taken), feeder.at)
    ImportRun.objects.filter(pk=run.pk).update(
        received=F("received") + counts.received,
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
        attached=F("attached") + counts.attached,
        refused=F("refused") + counts.refused,
        cases=F("cases") + counts.cases,
    )
    return counts


def try_again(run: ImportRun, feeder: Feeder, batch: Sequence[ImportRefusal]) -> list[Taken]:
    """Take refused rows in as their content stands now; the totals of the run stay right."""
    columns = [column["name"] for column in run.columns]
    attempt = [Row(0, refusal.line, cells_of(refusal.content, columns)) for refusal in batch]
    feeder.at = clock.now()
    answers = feeder.take(attempt)
    counts = Counts()
    for refusal, taken in zip(batch, answers, strict=True):
        if taken.status == "refused":
            refusal.problems = [_plain(problem) for problem in taken.problems]
        else:
            refusal.corrected_at = feeder.at
            counts.add([taken])
    ImportRefusal.objects.bulk_update(batch, ["problems", "corrected_at"])
    settle(run, (refusal.content for refusal in batch if refusal.corrected_at is not None), feeder.at)
    ImportRun.objects.filter(pk=run.pk).update(
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
        attached=F("attached") + counts.attached,
        refused=F("refused") - counts.received,
        cases=F("cases") + counts.cases,
    )
    return answers


def refusals_of(run: ImportRun, feeder: Feeder, batch: Sequence[Row], answers: Sequence[Taken]) -> list[ImportRefusal]:
    return [
        ImportRefusal(
            run=run, line=row.line, content=feeder.converter.raw(row), problems=[_plain(problem) for problem in taken.problems]
        )
        for row, taken in zip(batch, answers, strict=True)
        if taken.status == "refused"
    ]


def _plain(problem: Problem) -> dict[str, Any]:
    value = problem.value
    return {
        "code": problem.code,
        "field": problem.field,
        "value": value if isinstance(value, (str, int, float, bool, type(None))) else str(value),
        "message": problem.message,
    }
