"""The verbs of an import: upload, map, check, run, stop, resume, undo, correct.

Long work becomes a `Job`; state is in the database only.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.db import transaction

from leads import clock, jobs
from leads.errors import Conflict, Invalid, NotAllowed, NotFound
from leads.importing import columns, mapping, reader
from leads.importing.campaigns import name_campaign
from leads.importing.columns import Profile
from leads.importing.limits import FileRefused
from leads.importing.mapping import FileMapping, KnownField
from leads.importing.reader import Layout
from leads.models import Campaign, ExternalId, ImportRun, Job, LeadField, User

CHECK, RUN, UNDO, RETRY = "import_check", "import_run", "import_undo", "import_retry"
UNDO_FOR = timedelta(hours=24)
SAMPLE_ROWS = 10_000
SAMPLE_CELLS = 500_000
NEW_FIELDS_UP_TO = 100  # columns; a file with more is not a table of custom fields
# The columns a download of refused rows begins with; they go nowhere when it comes back corrected.
LINE_COLUMN, WHY_COLUMN = "Line in file", "Why refused"
State = ImportRun.State
EDITABLE = (State.UPLOADED, State.MAPPED, State.CHECKED)


def allow(actor: User | None) -> None:
    """None is the command line."""
    if actor is not None and not actor.has_perm("leads.import_leads"):
        raise NotAllowed("You may not import files.")


@contextmanager
def opened(run: ImportRun) -> Iterator[BinaryIO]:
    """The uploaded file as plain bytes. Conflict when it is not there any more."""
    try:
        if not run.file:
            raise FileNotFoundError(run.file_name)
        file = run.file.storage.open(str(run.file.name), "rb")
    except FileNotFoundError as missing:
        raise Conflict(f"The uploaded file is missing: {run.file_name}. Upload it again.", code="file_missing") from missing
    with file:
        yield cast("BinaryIO", file.file)


def run_of(job: Job) -> ImportRun:
    """The import a job works on. NotFound when it was discarded."""
    run = ImportRun.objects.select_related("created_by", "campaign").filter(pk=job.payload["run"]).first()
    if run is None:
        raise NotFound("This import is gone.", code="import_gone")
    return run


def running(job: Job) -> ImportRun:
    """The import a job works on, while it is this job that runs it; Conflict when it has moved on."""
    run = run_of(job)
    if run.job_id != job.pk or run.state != State.RUNNING:
        raise _moved_on(run)
    return run


def move(job: Job, seen: Sequence[str], to: str, **values: Any) -> bool:
    """Change the state of the import together with its job, in one transaction; False when it is another job's by now."""
    found = ImportRun.objects.filter(pk=job.payload["run"], job=job, state__in=seen)
    return found.update(state=to, **values) == 1


def go_on(job: Job, seen: Sequence[str], to: str) -> None:
    """The import goes on with its job; Conflict when it has moved on."""
    if not move(job, seen, to, error=""):
        raise _moved_on(run_of(job))


def upload(
    file: BinaryIO,
    *,
    name: str,
    kind: str,
    actor: User | None,
    campaign: Campaign | str | None = None,
    source: str = "",
    encoding: str = "",
    corrects: ImportRun | None = None,
) -> ImportRun:
    """Keep the file and guess how it is to be read and where its columns go.

    FileRefused when it is no table; then nothing is kept.
    """
    allow(actor)
    try:
        layout = reader.inspect(file, encoding=encoding)
    except FileRefused as refused:
        raise _by_its_name(file, name, refused) from refused
    profiles = _profiles(file, layout)
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while piece := file.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    run = ImportRun(
        kind=kind,
        file_name=(Path(name).name or "upload")[-255:].replace("\0", ""),
        file_size=size,
        file_hash=digest.hexdigest(),
        source=source.strip()[:80],
        corrects=corrects,
        created_by=actor,
        created_at=clock.now(),
    )
    _describe(run, layout, profiles)
    try:
        with transaction.atomic():
            if isinstance(campaign, str):
                name_campaign(run, campaign)
            else:
                run.campaign = campaign
            run.file.save(Path(name).name[-100:] or "upload", File(file), save=False)
            run.save()
    except BaseException:
        if run.file:  # stored, and no row knows it
            run.file.delete(save=False)
        raise
    return run


def _by_its_name(file: BinaryIO, name: str, refused: FileRefused) -> FileRefused:
    """What a file that is no table should have been by its name: "leads.xlsx" holding a line of text is no workbook."""
    suffix = Path(name).suffix.lower()
    file.seek(0)
    if suffix not in (".xlsx", ".xlsm") or refused.code not in ("header_only", "empty_file", "not_text") or file.read(2) == b"PK":
        return refused
    return FileRefused(
        "not_a_workbook",
        f"The file is named {suffix} but is no Excel workbook, and what it holds is no table either. Export it again as XLSX or CSV.",
        expected="an Excel workbook",
    )


def reread(run: ImportRun, *, actor: User | None, **how: Any) -> ImportRun:
    """Read the file another way (encoding, delimiter, header_line, sheet) and guess its columns anew."""
    allow(actor)
    with opened(run) as file:
        layout = reader.inspect(file, **how)
        profiles = _profiles(file, layout)
    _describe(run, layout, profiles)
    _save(run, EDITABLE, State.UPLOADED, dialect=run.dialect, columns=run.columns, mapping=run.mapping, check_result={}, error="")
    return run


def set_mapping(run: ImportRun, chosen: FileMapping, *, actor: User | None) -> ImportRun:
    """Keep what a person chose, also when it is not complete yet. A check made before no longer holds."""
    allow(actor)
    stored = chosen.as_json()
    if stored == run.mapping and run.state == State.CHECKED:
        return run
    return _save(run, EDITABLE, State.MAPPED, mapping=stored, check_result={}, error="")


def start_check(run: ImportRun, *, actor: User | None, here: bool = False) -> ImportRun:
    """The worker reads the whole file and says what an import would do. Invalid when the mapping cannot work."""
    allow(actor)
    validate(run)
    with transaction.atomic():
        job = jobs.enqueue(CHECK, actor=actor, payload={"run": run.pk})
        if here:
            jobs.hold(job)
        return _save(run, EDITABLE, State.MAPPED, job=job, check_result={}, error="")


def start(
    run: ImportRun, *, actor: User | None, options: Mapping[str, Any] | None = None, here: bool = False, checked: bool = False
) -> ImportRun:
    """The worker imports the file; `here`: the job is left to the caller, who works it at once.

    `checked`: only when the check of this very mapping has ended.
    """
    allow(actor)
    validate(run)
    with transaction.atomic():
        job = jobs.enqueue(RUN, actor=actor, payload={"run": run.pk}, total=run.check_result.get("rows"))
        if here:
            jobs.hold(job)
        _save(
            run,
            (State.CHECKED,) if checked else EDITABLE,
            State.RUNNING,
            job=job,
            options={**run.options, **(options or {})},
            started_at=clock.now(),
            error="",
        )
        run.refusals.all().delete()  # those of the check: nothing is refused yet
        return run


def stop(run: ImportRun, *, actor: User | None) -> ImportRun:
    """The job of this run stops after the batch it is in; what is imported stays."""
    allow(actor)
    if run.job is None:
        raise Conflict("Nothing is running.", code="job_ended")
    jobs.ask_stop(run.job)
    run.refresh_from_db()
    return run


def resume(run: ImportRun, *, actor: User | None) -> ImportRun:
    """A stopped or failed run, or its undo, goes on after the last row it took."""
    allow(actor)
    if run.job is None or run.job.kind not in (RUN, UNDO):
        raise Conflict("There is nothing to resume.", code="job_not_stopped")
    jobs.resume(run.job)
    run.refresh_from_db()
    return run


def undo(run: ImportRun, *, actor: User | None) -> ImportRun:
    """The worker removes what the run created and nobody has touched since. Conflict after 24 hours."""
    allow(actor)
    if not may_undo(run):
        raise Conflict("An import can be undone within 24 hours of its end, and once.", code="undo_over")
    if run.job is not None and run.job.kind == UNDO:
        return resume(run, actor=actor)  # it knows what it has removed already
    with transaction.atomic():
        job = jobs.enqueue(UNDO, actor=actor, payload={"run": run.pk})
        return _save(run, (State.DONE, State.STOPPED, State.FAILED), State.RUNNING, job=job)


def may_undo(run: ImportRun) -> bool:
    if run.state not in (State.DONE, State.STOPPED, State.FAILED) or not run.received:
        return False
    return run.finished_at is None or clock.now() <= run.finished_at + UNDO_FOR


def retry(run: ImportRun, *, actor: User | None) -> ImportRun:
    """The worker tries all refused rows again, with the choices, fields and corrections there are by now.

    Conflict for an import that has rows left to take: it would never get to them.
    """
    allow(actor)
    if run.state in (State.STOPPED, State.FAILED):
        raise Conflict("This import is not at its end. Let it go on, then try the refused rows.", code="import_not_ended")
    with transaction.atomic():
        job = jobs.enqueue(RETRY, actor=actor, payload={"run": run.pk})
        return _save(run, (State.DONE,), State.RUNNING, job=job)


def discard(run: ImportRun, *, actor: User | None) -> None:
    """Forget an upload that was never run, and end the check of it."""
    allow(actor)
    with transaction.atomic():
        held = ImportRun.objects.select_for_update().filter(pk=run.pk, state__in=EDITABLE).first()
        if held is None:
            raise Conflict("It has run already; undo it instead.", code="import_ran")
        if held.job_id is not None:
            Job.objects.filter(pk=held.job_id, state__in=(Job.State.QUEUED, Job.State.RUNNING)).update(
                state=Job.State.STOPPED, stop_asked=True, lease=None, lease_until=None, finished_at=clock.now()
            )
        held.delete()
    run.file.storage.delete(str(run.file.name))


def validate(run: ImportRun) -> FileMapping:
    """The run's mapping, or Invalid naming the column that has to be decided."""
    chosen = FileMapping.from_json(run.mapping)
    names = [column["name"] for column in run.columns]
    at = chosen.column_of("outcome")
    values = [value for value, _ in run.columns[at]["counts"]] if at >= 0 else []
    mapping.check(chosen, names, values)
    keys = [goes.new.key for goes in chosen.goes if goes.target == "new" and goes.new]
    existing = set(LeadField.objects.filter(key__in=keys).values_list("key", flat=True))
    for goes in chosen.goes:
        if goes.target == "new" and goes.new and (goes.new.key in existing or keys.count(goes.new.key) > 1):
            raise Invalid(
                f"There is a custom field {goes.new.key} already. Send the column there or name the new one otherwise.",
                code="field_exists", field=goes.new.key, expected="another name",
            )  # fmt: skip
    return chosen


def known_fields() -> list[KnownField]:
    """The custom fields in use, as columns can go there."""
    return [
        KnownField(found.key, found.label, found.type, tuple(found.choices)) for found in LeadField.objects.filter(active=True)
    ]


def earlier_run(run: ImportRun) -> ImportRun | None:
    """The last finished import of the very same file, if there is one."""
    done = ImportRun.objects.filter(file_hash=run.file_hash, kind=run.kind, state__in=(State.DONE, State.RUNNING, State.STOPPED))
    return done.exclude(pk=run.pk).order_by("-created_at").first()


def profiles_of(run: ImportRun) -> list[Profile]:
    return [Profile.from_json(index, stored) for index, stored in enumerate(run.columns)]


def layout_of(run: ImportRun) -> Layout:
    return Layout.from_json(run.dialect)


def _profiles(file: BinaryIO, layout: Layout) -> list[Profile]:
    rows = min(SAMPLE_ROWS, max(200, SAMPLE_CELLS // len(layout.columns)))
    if layout.format == "xlsx":
        rows = min(rows, 2_000)
    return columns.profile(layout.columns, (row.cells for row in islice(reader.rows(file, layout), rows)))


def _describe(run: ImportRun, layout: Layout, profiles: Sequence[Profile]) -> None:
    few = len(profiles) <= NEW_FIELDS_UP_TO
    run.dialect = layout.as_json()
    run.columns = [column.as_json(100 if few else 12) for column in profiles]
    guessed = mapping.guess(run.kind, profiles, known_fields())
    if run.corrects:
        guessed = _as_before(run.corrects, guessed, profiles)
    if not few:
        guessed = replace(guessed, goes=tuple(mapping.Goes() if goes.target == "new" else goes for goes in guessed.goes))
    at = guessed.column_of("external_id")
    if at >= 0:
        guessed = replace(guessed, system=_system_of(profiles[at]) or guessed.system)
    run.mapping = guessed.as_json()


def _as_before(earlier: ImportRun, guessed: FileMapping, profiles: Sequence[Profile]) -> FileMapping:
    """The columns of a corrected file go where they went before; custom fields made then are there now."""
    old = FileMapping.from_json(earlier.mapping)
    by_name = {column["name"]: goes for column, goes in zip(earlier.columns, old.goes, strict=True)}
    there = {f"custom.{known.key}" for known in known_fields()}
    goes = []
    for column, guess in zip(profiles, guessed.goes, strict=True):
        before = by_name.get(column.name)
        if column.name in (LINE_COLUMN, WHY_COLUMN):
            before = mapping.Goes()
        elif before and before.target == "new" and before.new and f"custom.{before.new.key}" in there:
            before = replace(before, target=f"custom.{before.new.key}", new=None)
        goes.append(before or guess)
    return replace(guessed, goes=tuple(goes), outcomes={**guessed.outcomes, **old.outcomes}, system=old.system)


def _system_of(column: Profile) -> str:
    """Under which system most of these ids are known already, so that an outcome finds the lead its id came with."""
    sample = list(islice(column.counts, 200))
    systems = list(ExternalId.objects.filter(value__in=sample).values_list("system", flat=True)[:200])
    return max(set(systems), key=systems.count) if systems else ""


def _save(run: ImportRun, seen: Sequence[str], to: str, **values: Any) -> ImportRun:
    """Change the run only from a state in which that may be done; Conflict names the state it is in."""
    with transaction.atomic():
        if ImportRun.objects.filter(pk=run.pk, state__in=seen).update(state=to, **values) != 1:
            raise _moved_on(ImportRun.objects.filter(pk=run.pk).first())
    run.refresh_from_db()
    return run


def _moved_on(run: ImportRun | None) -> Conflict:
    words = f"This import is {run.get_state_display().lower()} by now." if run else "This import is gone."
    return Conflict(words, code="import_moved_on")
