"""What a corrected file does for the import it corrects: refused rows that came in with it wait no longer."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from leads.importing.actions import LINE_COLUMN
from leads.models import ImportRefusal, ImportRun


def settle(run: ImportRun, taken: Iterable[Mapping[str, object]], at: datetime) -> None:
    """Mark what these rows, taken in at `at` and told by their line, were in the import that `run` corrects, and in those before.

    There they stay counted as refused: it is this run that took them in. Called in the transaction that took them.
    """
    earlier, lines = run.corrects_id, _lines(taken)
    first = True
    while earlier is not None and lines:
        # Who is correcting one of them by hand at this moment settles it themselves.
        waiting = ImportRefusal.objects.select_for_update(skip_locked=True).filter(run=earlier, line__in=lines, corrected_at=None)
        found = dict(waiting.values_list("pk", "content"))
        ImportRefusal.objects.filter(pk__in=found).update(corrected_at=at)
        if first and found:
            run.options["settled"] = run.options.get("settled", 0) + len(found)
            ImportRun.objects.filter(pk=run.pk).update(options=run.options)
        earlier, lines, first = _corrected_by(earlier), _lines(found.values()), False


def unsettle(run: ImportRun, moments: Collection[datetime]) -> None:
    """Let what came in at these moments with a run, which is undone now, wait again."""
    earlier = run.corrects_id
    while earlier is not None:
        ImportRefusal.objects.filter(run=earlier, corrected_at__in=moments).update(corrected_at=None)
        earlier = _corrected_by(earlier)
    if run.options.pop("settled", None):
        ImportRun.objects.filter(pk=run.pk).update(options=run.options)


def _corrected_by(pk: int) -> int | None:
    return ImportRun.objects.values_list("corrects_id", flat=True).get(pk=pk)


def _lines(rows: Iterable[Mapping[str, object]]) -> set[int]:
    said = (str(row.get(LINE_COLUMN, "")).strip() for row in rows)
    return {int(line) for line in said if line.isdecimal() and len(line) < 10}
