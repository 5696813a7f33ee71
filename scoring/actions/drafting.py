"""The one way a draft is edited: by who may, from the revision they saw, with a line in the draft's log.

Edits of different parts of a draft never stand in each other's way: only a part that was changed since it was seen is
refused, with what was done; also by oneself, in another window.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict
from leads.models import User
from scoring.models import DraftEvent, ModelVersion

EDIT = "scoring.edit_draft"
_CHANGES = ("add", "edit", "set", "remove", "restore")


class Stale(Conflict):
    """The part was changed meanwhile; `edits` are those that did, oldest first."""

    code = "stale"

    def __init__(self, message: str, edits: Sequence[DraftEvent] = ()) -> None:
        super().__init__(message)
        self.edits = list(edits)


@dataclass(slots=True)
class Edit:
    """What an edit says about itself in the log. `rev` is the revision it makes."""

    rev: int
    target: str = ""
    before: Any = None
    after: Any = None
    undoes: DraftEvent | None = None


def thing_of(verb: str) -> str:
    """What a verb of the log is about: criterion, group, gate, decision, bounds or scope."""
    return verb.partition("_")[2]


@contextmanager
def editing(
    version: ModelVersion, *, actor: User | None, rev: int, verb: str, part: str | None = None, fields: Sequence[str] = ()
) -> Iterator[Edit]:
    """Edit a draft in one transaction; its revision goes up by one and `version.rev` with it.

    `part` is the key of what is changed ("" for what a draft has one of), None for something new. With `fields` only a
    change of those counts. Raises NotAllowed for who may not edit, Stale when the part was changed since `rev`, Conflict
    when this is no draft any more.
    """
    demand(actor, EDIT, to="edit the criteria")
    with transaction.atomic():
        held = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk).first()
        if held is None or held.status != ModelVersion.Status.DRAFT:
            raise Conflict(f"{version.label} is no longer a draft, so it can no longer be edited.", code="frozen")
        if rev > held.rev:
            raise Stale("This page shows a later draft than there is. Reload it.")
        if part is not None:
            _refuse_stale(held, actor, rev, verb, part, fields)
        edit = Edit(held.rev + 1)
        yield edit
        DraftEvent.objects.create(
            version=version,
            rev=edit.rev,
            actor=actor,
            at=clock.now(),
            verb=verb,
            target=edit.target[:80],
            before=edit.before,
            after=edit.after,
            undoes=edit.undoes,
        )
        ModelVersion.objects.filter(pk=version.pk).update(rev=edit.rev)
    version.rev = edit.rev


def changed_fields(edit: DraftEvent) -> set[str]:
    """The names in which the content before and after an edit differ."""
    before, after = (one if isinstance(one, dict) else {} for one in (edit.before, edit.after))
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _refuse_stale(version: ModelVersion, actor: User | None, rev: int, verb: str, part: str, fields: Sequence[str]) -> None:
    thing = thing_of(verb)
    since = version.edits.filter(rev__gt=rev, target=part, verb__in=[f"{one}_{thing}" for one in _CHANGES])
    theirs = [edit for edit in since.select_related("actor").order_by("rev") if not fields or changed_fields(edit) & set(fields)]
    if theirs:
        last = theirs[-1]
        is_own = actor is not None and last.actor_id == actor.pk
        who, where = ("You", " in another window") if is_own else (who_of(last), "")
        raise Stale(f"{who} {_DID.get(last.verb.partition('_')[0], 'changed')} this meanwhile{where}.", theirs)


_DID = {"remove": "removed", "restore": "put back", "add": "added"}


def who_of(edit: DraftEvent) -> str:
    return edit.actor.get_full_name() if edit.actor else "The portal"
