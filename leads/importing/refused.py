"""A refused row put right by a person, and tried again at once."""

from collections.abc import Mapping

from django.db import transaction

from leads.errors import Conflict
from leads.importing.actions import EDITABLE, allow
from leads.importing.mapping import FileMapping
from leads.importing.run import feeder_of, try_again
from leads.models import ImportRefusal, ImportRun, User


def correct(refusal: ImportRefusal, content: Mapping[str, str], *, actor: User | None) -> ImportRefusal:
    """Take the row in with `content` in place of its own.

    `corrected_at` is set when it was taken, else its problems are the new ones.

    The totals of its run go on adding up. Conflict when somebody else corrected it, or its run has not been run.
    """
    allow(actor)
    with transaction.atomic():
        run = ImportRun.objects.select_related("created_by").select_for_update(of=("self",)).get(pk=refusal.run_id)
        if run.state in EDITABLE or run.state in (ImportRun.State.RUNNING, ImportRun.State.UNDONE):
            raise Conflict(
                f"This import is {run.get_state_display().lower()}; its rows cannot be corrected now.", code="import_moved_on"
            )
        held = ImportRefusal.objects.select_for_update().get(pk=refusal.pk)
        if held.corrected_at is not None:
            raise Conflict(f"Line {held.line} was taken in already.", code="row_corrected")
        held.content = dict(content)
        held.save(update_fields=("content",))
        try_again(run, feeder_of(run, FileMapping.from_json(run.mapping), actor), [held])
    return held
