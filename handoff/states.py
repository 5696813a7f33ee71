"""The states of a hand-off, their named groups, and every legal move as data.

Buttons, API, help text and the verbs in `handoff/actions/` all read `TRANSITIONS`; nothing else says what may follow what.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import models


class HandoffState(models.TextChoices):
    """Where one hand-off stands."""

    QUEUED = "queued", "Waiting for a rep"
    OFFERED = "offered", "Offered"
    ACCEPTED = "accepted", "Accepted"
    CONTACTED = "contacted", "Attempted"
    CONVERTED = "converted", "Converted"
    REJECTED = "rejected", "Rejected"
    RECYCLED = "recycled", "Recycled"
    CLOSED = "closed", "Closed"


class ClockKind(models.TextChoices):
    """The promises that are timed; `clock.md` of the design says what starts and meets each."""

    OFFER = "offer", "Offer to a rep"
    ACCEPT = "accept", "Accept or reject"
    FIRST_CONTACT = "first_contact", "First attempt"
    MQO_FOLLOWUP = "mqo_followup", "MQO follow-up"
    REVIEW = "review", "Review of a rejection"
    DISPUTE = "dispute", "Settle a dispute"


# What a closed hand-off is called by how it ended.
CLOSED_WORDS = {"won": "Won", "lost": "Lost", "withdrawn": "Withdrawn", "rejected": "Rejected elsewhere"}


def state_words(state: str, *, reached: bool, closed_as: str = "") -> str:
    """A state in the words shown to people: after an attempt whether the person was reached, at the end what came of it."""
    if state == HandoffState.CLOSED and closed_as in CLOSED_WORDS:
        return CLOSED_WORDS[closed_as]
    if state == HandoffState.CONTACTED:
        return "Contacted" if reached else "Tried, not reached"
    return str(HandoffState(state).label)


S = HandoffState
K = ClockKind
# The promises of the person who has it; the earliest due is the hand-off's `due_at`.
OWNER_CLOCKS = frozenset({K.ACCEPT, K.FIRST_CONTACT, K.MQO_FOLLOWUP})
# At most one hand-off of a lead is in one of these (a partial unique index).
OPEN = frozenset({S.QUEUED, S.OFFERED, S.ACCEPTED, S.CONTACTED, S.CONVERTED})
# How long an answer and a verdict can be taken back.
UNDO = timedelta(seconds=15)

# A rep is responsible; these count against the rep's cap.
WITH_REP = frozenset({S.OFFERED, S.ACCEPTED, S.CONTACTED, S.CONVERTED})
ANSWERED = frozenset({S.ACCEPTED, S.REJECTED})
TERMINAL = frozenset(set(S) - OPEN)

ANSWER = "handoff.answer_handoff"
WORK = "handoff.work_handoff"
ASSIGN = "handoff.assign_handoff"
REVIEW = "handoff.review_handoff"


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal move. `permission` empty = the system only; `meets`, `starts` and `cancels` are its effect on clocks."""

    verb: str
    label: str
    sources: frozenset[HandoffState]
    target: HandoffState | None  # None: the state stays
    permission: str
    meets: tuple[ClockKind, ...] = ()
    starts: tuple[ClockKind, ...] = ()
    cancels: tuple[ClockKind, ...] = ()


WORKED = (K.OFFER, K.ACCEPT, K.FIRST_CONTACT, K.MQO_FOLLOWUP)

TRANSITIONS = (
    Transition("offer", "Offer", frozenset({S.QUEUED}), S.OFFERED, "", meets=(K.OFFER,), starts=(K.ACCEPT, K.MQO_FOLLOWUP)),
    Transition("accept", "Accept", frozenset({S.OFFERED}), S.ACCEPTED, ANSWER, meets=(K.ACCEPT,), starts=(K.FIRST_CONTACT,)),
    Transition(
        "reject", "Reject", frozenset({S.OFFERED}), S.REJECTED, ANSWER,
        meets=(K.ACCEPT,), starts=(K.REVIEW,), cancels=(K.MQO_FOLLOWUP,),
    ),
    Transition("undo", "Undo", ANSWERED, S.OFFERED, ANSWER, cancels=(K.FIRST_CONTACT, K.REVIEW)),
    Transition(
        "attempt", "Log an attempt", frozenset({S.ACCEPTED}), S.CONTACTED, WORK, meets=(K.FIRST_CONTACT, K.MQO_FOLLOWUP),
    ),
    Transition("attempt", "Log an attempt", frozenset({S.CONTACTED, S.CONVERTED}), None, WORK, meets=(K.MQO_FOLLOWUP,)),
    Transition(
        "convert", "Convert", frozenset({S.ACCEPTED, S.CONTACTED}), S.CONVERTED, WORK, meets=(K.FIRST_CONTACT, K.MQO_FOLLOWUP),
    ),
    # Those of the owner's clocks that may be, with a limit; the state stays.
    Transition("pause", "Put on hold", frozenset({S.OFFERED, S.ACCEPTED}), None, WORK),
    Transition("resume", "Resume", frozenset({S.OFFERED, S.ACCEPTED}), None, WORK),
    Transition("win", "Won", frozenset({S.ACCEPTED, S.CONTACTED, S.CONVERTED}), S.CLOSED, WORK, cancels=WORKED),
    Transition("lose", "Lost", frozenset({S.ACCEPTED, S.CONTACTED, S.CONVERTED}), S.CLOSED, WORK, cancels=WORKED),
    Transition("give_up", "Give up and recycle", frozenset({S.ACCEPTED, S.CONTACTED}), S.RECYCLED, WORK, cancels=WORKED),
    Transition("expire", "Recycle unanswered", frozenset({S.QUEUED, S.OFFERED}), S.RECYCLED, "", cancels=WORKED),
    Transition(
        "reassign", "Reassign", frozenset({S.QUEUED, S.OFFERED, S.ACCEPTED, S.CONTACTED}), S.OFFERED, ASSIGN,
        meets=(K.OFFER,), starts=(K.ACCEPT,), cancels=(K.ACCEPT, K.FIRST_CONTACT),
    ),
    Transition("reassign", "Reassign", frozenset({S.CONVERTED}), None, ASSIGN),
    Transition("nudge", "Nudge", frozenset({S.OFFERED, S.ACCEPTED}), None, ASSIGN),
    Transition(
        "return", "Return to the queue", frozenset({S.OFFERED, S.ACCEPTED}), S.QUEUED, "",
        starts=(K.OFFER,), cancels=(K.ACCEPT, K.FIRST_CONTACT),
    ),
    Transition("withdraw", "Withdraw", OPEN, S.CLOSED, ASSIGN, cancels=WORKED),
    Transition("agree", "Agree", frozenset({S.REJECTED}), None, REVIEW, meets=(K.REVIEW,)),
    Transition("dispute", "Dispute", frozenset({S.REJECTED}), None, REVIEW, meets=(K.REVIEW,), starts=(K.DISPUTE,)),
    Transition(
        "recycle", "Recycle", frozenset({S.REJECTED}), S.RECYCLED, REVIEW, meets=(K.REVIEW,), cancels=(K.DISPUTE,),
    ),
    # A verdict taken back; the review clock that it met goes on.
    Transition("unreview", "Take the verdict back", frozenset({S.REJECTED, S.RECYCLED}), S.REJECTED, REVIEW, cancels=(K.DISPUTE,)),
    Transition("settle", "Settle the dispute", frozenset({S.REJECTED}), None, REVIEW, meets=(K.DISPUTE,)),
)  # fmt: skip


# How each verb reads in a sentence about what somebody did.
DONE = {
    "offer": "offered", "accept": "accepted", "reject": "rejected", "undo": "took back the answer to", "attempt": "logged an attempt on",
    "convert": "converted", "win": "won", "lose": "lost", "give_up": "gave up and recycled", "expire": "recycled", "reassign": "reassigned",
    "return": "returned to the queue", "withdraw": "withdrew", "agree": "agreed to the rejection of", "dispute": "disputed the rejection of",
    "recycle": "recycled", "open": "opened", "join": "joined", "settle": "settled the dispute about",
    "unreview": "took back the verdict on", "nudge": "nudged about", "pause": "put on hold", "resume": "resumed", "replan": "re-planned",
}  # fmt: skip


def transition(verb: str, source: str) -> Transition | None:
    """The move this verb makes from `source`; None when it is not legal there."""
    return next((move for move in TRANSITIONS if move.verb == verb and source in move.sources), None)


def verbs_from(source: str) -> tuple[Transition, ...]:
    """Every move that people may make from `source`, in the order of the table."""
    return tuple(move for move in TRANSITIONS if move.permission and source in move.sources)
