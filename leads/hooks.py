"""How facts cause things in the layers above without knowing them.

`facts_changed` is a nudge, run after commit, only to be faster: who needs work done pulls it from the database anyway.
The others take part in the writing transaction: what they do is done or undone with it.
Each list is filled in the upper apps' `ready()`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

if TYPE_CHECKING:
    from leads.models import Case, Lead, User

facts_changed: list[Callable[[Sequence[int]], None]] = []
# Asked, under the lock of these leads, before an outcome is recorded: since when something of theirs is open, by id.
open_since: list[Callable[[Sequence[int]], dict[int, datetime]]] = []
outcome_recorded: list[Callable[["Lead", "Case", "User | None"], None]] = []
lead_merged: list[Callable[["Lead", "Lead", "User | None"], None]] = []
lead_erased: list[Callable[["Lead", "User | None"], None]] = []
# Asked before an import is undone: which of these leads somebody works with, and why they stay.
leads_in_use: list[Callable[[Sequence[int]], dict[int, str]]] = []
# The same for cases an import made, by id: what ended with them cannot be taken back.
cases_in_use: list[Callable[[Sequence[int]], dict[int, str]]] = []
# The same for custom fields an import made, by key.
fields_in_use: list[Callable[[Sequence[str]], dict[str, str]]] = []
# The same for campaigns, by id.
campaigns_in_use: list[Callable[[Sequence[int]], dict[int, str]]] = []
# Asked when people are switched off, by their ids: what of theirs now waits for somebody else, in sentences.
left_by_people: list[Callable[[Sequence[int]], list[str]]] = []
# Called before leads are locked to be deleted: whoever locks something of theirs before the leads does so now, by id.
leads_going: list[Callable[[Sequence[int]], None]] = []


def nudge_facts_changed(lead_ids: Sequence[int]) -> None:
    """After commit, tell who is listening that these leads' facts changed."""
    if not facts_changed or not lead_ids:
        return
    ids = tuple(lead_ids)

    def tell() -> None:
        for listen in facts_changed:
            listen(ids)

    transaction.on_commit(tell)
