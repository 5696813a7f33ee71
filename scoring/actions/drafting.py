"""The one way a draft is edited: by who may, from the revision they saw, with a line in the draft's log."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict
from leads.models import User
from scoring.models import DraftEvent, ModelVersion

EDIT = "scoring.edit_draft"


@dataclass(slots=True)
class Edit:
    """What an edit says about itself in the log."""

    target: str = ""
    before: Any = None
    after: Any = None


@contextmanager
def editing(version: ModelVersion, *, actor: User | None, rev: int, verb: str) -> Iterator[Edit]:
    """Edit a draft in one transaction; its revision goes up by one and `version.rev` with it.

    Raises NotAllowed for who may not edit, Conflict when the draft was changed since `rev` or is none any more.
    """
    demand(actor, EDIT, to="edit the criteria")
    with transaction.atomic():
        won = ModelVersion.objects.filter(pk=version.pk, status=ModelVersion.Status.DRAFT, rev=rev).update(rev=F("rev") + 1)
        if won != 1:
            raise _stale(version)
        edit = Edit()
        yield edit
        DraftEvent.objects.create(
            version=version,
            rev=rev + 1,
            actor=actor,
            at=clock.now(),
            verb=verb,
            target=edit.target[:80],
            before=edit.before,
            after=edit.after,
        )
    version.rev = rev + 1


def _stale(version: ModelVersion) -> Conflict:
    now = ModelVersion.objects.filter(pk=version.pk).values_list("status", flat=True).first()
    if now != ModelVersion.Status.DRAFT:
        return Conflict(f"{version.label} is no longer a draft, so it can no longer be edited.", code="frozen")
    last = version.edits.select_related("actor").first()
    who = last.actor.get_full_name() if last and last.actor else "Somebody"
    return Conflict(f"{who} changed the draft meanwhile. Look at it again, then save.", code="stale")
