"""What an undo leaves alone: leads and custom fields somebody or something else has to do with by now, and why."""

from collections.abc import Iterable, Sequence

from leads import clock, hooks
from leads.choices import CaseKind
from leads.importing.undo_cases import others_events
from leads.models import Activity, Case, ImportRun, Lead, LeadNote, Reason, Submission


def fields_used(keys: Sequence[str]) -> dict[str, str]:
    """Which of these custom fields something speaks of, and what."""
    why: dict[str, str] = {}
    for ask in hooks.fields_in_use:
        why = {**ask(keys), **why}
    for key in keys:
        name = f"custom.{key}"
        if key not in why and Case.objects.filter(facts__has_key=name).exists():
            why[key] = "past cases know it"
        elif key not in why and Reason.objects.filter(field_keys__contains=[name]).exists():
            why[key] = "a reason speaks of it"
    return why


def touched_since(run: ImportRun, ids: Sequence[int]) -> dict[int, str]:
    """Which of these leads somebody or something else had to do with since the run brought them, and what."""
    ended = run.finished_at or clock.now()
    why: dict[int, str] = {}

    def say(found: Iterable[int], reason: str) -> None:
        for pk in found:
            why.setdefault(pk, reason)

    for ask in hooks.leads_in_use:
        for pk, reason in ask(ids).items():
            why.setdefault(pk, reason)
    say(LeadNote.objects.filter(lead__in=ids).values_list("lead_id", flat=True), "a note was written")
    others = Submission.objects.filter(lead__in=ids).exclude(import_run=run)
    say(others.values_list("lead_id", flat=True), "they came in again another way")
    say(Lead.objects.filter(pk__in=ids, owner__isnull=False).values_list("pk", flat=True), "they have an owner")
    events = others_events(run).filter(lead__in=ids, actor__isnull=False)
    say(events.values_list("lead_id", flat=True), "somebody changed them")
    say(
        Activity.objects.filter(lead__in=ids, recorded_at__gt=ended).values_list("lead_id", flat=True), "they did something since"
    )
    decided = Case.objects.filter(lead__in=ids).exclude(kind=CaseKind.IMPORTED)
    say(decided.values_list("lead_id", flat=True), "sales decided about them")
    return why
