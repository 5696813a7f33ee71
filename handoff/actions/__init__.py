"""The verbs of the hand-off. Each authorises, moves one hand-off under lock, and writes event, clocks and messages with it."""

from handoff.actions.answering import accept_handoff, reject_handoff, undo_answer
from handoff.actions.assigning import reassign, withdraw
from handoff.actions.covering import cover
from handoff.actions.holding import pause_handoff, resume_handoff
from handoff.actions.nudging import nudge
from handoff.actions.opening import open_handoffs
from handoff.actions.reviewing import review_rejection, settle_dispute, undo_review
from handoff.actions.working import close_lost, close_won, convert, log_attempt, recycle_handoff

__all__ = [
    "accept_handoff",
    "close_lost",
    "close_won",
    "convert",
    "cover",
    "log_attempt",
    "nudge",
    "open_handoffs",
    "pause_handoff",
    "reassign",
    "recycle_handoff",
    "reject_handoff",
    "resume_handoff",
    "review_rejection",
    "settle_dispute",
    "undo_answer",
    "undo_review",
    "withdraw",
]
