"""What scoring forgets with a lead: takes part when leads are merged or a person is erased."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction

from leads import clock
from leads.models import Lead, User
from scoring.models import Qualification
from scoring.store import delete_leads, lock_states


def claim_states(lead_ids: Sequence[int]) -> None:
    """Wait for whoever scores these leads, and let nobody begin: as scoring does, states by id and then the leads."""
    lock_states(lead_ids, clock.now())


def forget_merged(kept: Lead, gone: Lead, actor: User | None) -> None:
    """The merged lead has no score of its own any more; the kept one is scored anew, as its facts changed."""
    delete_leads([gone.pk])


def forget_erased(lead: Lead, actor: User | None) -> None:
    """Scores go, and the facts quoted in the lines of past qualifications; points and criteria stay.

    The preview's files of this host follow once that is committed, those of other hosts with their next refresh.
    """
    delete_leads([lead.pk])
    transaction.on_commit(partial(_forget_in_files, lead.pk), robust=True)
    for qualification in Qualification.objects.filter(lead=lead):
        for line in qualification.lines:
            line.pop("facts", None)
            line["sub"] = ""
        qualification.save(update_fields=["lines"])


def _forget_in_files(lead_id: int) -> None:
    from scoring.snapshot.building import erase_lead  # takes numpy with it, which no process should start with

    erase_lead(lead_id)
