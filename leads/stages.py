"""The legal moves between stages as data: verbs, buttons and help text read this one table."""

from dataclasses import dataclass

from leads.choices import OUTCOME_STAGES, Outcome, Stage

MARKETING = ("leads.change_lead",)
SALES = ("leads.record_outcome",)
EITHER = MARKETING + SALES


@dataclass(frozen=True, slots=True)
class Move:
    """A move a lead may make. A person needs one of `permissions`; the portal itself may make any move."""

    source: Stage
    target: Stage
    permissions: tuple[str, ...]


def _moves(source: Stage, permissions: tuple[str, ...], *targets: Stage) -> tuple[Move, ...]:
    return tuple(Move(source, target, permissions) for target in targets)


S = Stage
MOVES: tuple[Move, ...] = (
    *_moves(S.INQUIRY, MARKETING, S.PROSPECT, S.DISQUALIFIED),
    *_moves(S.PROSPECT, MARKETING, S.INQUIRY, S.MQL, S.DISQUALIFIED),
    *_moves(S.MQL, EITHER, S.PROSPECT, S.RECYCLED, S.DISQUALIFIED),
    *_moves(S.MQL, SALES, S.SAL, S.REJECTED),
    *_moves(S.SAL, SALES, S.MQL, S.SQL, S.REJECTED),
    *_moves(S.SAL, EITHER, S.PROSPECT, S.RECYCLED, S.DISQUALIFIED),
    *_moves(S.SQL, SALES, S.MQL, S.SAL, S.RECYCLED),
    # A rep undoes a rejection, or marketing hands the lead over again.
    *_moves(S.REJECTED, EITHER, S.MQL),
    *_moves(S.REJECTED, MARKETING, S.RECYCLED, S.DISQUALIFIED),
    *_moves(S.RECYCLED, MARKETING, S.PROSPECT, S.INQUIRY, S.MQL, S.DISQUALIFIED),
    # A new engagement opens the next round; a deal thought closed is open again.
    *_moves(S.WON, SALES, S.SQL),
    *_moves(S.WON, MARKETING, S.MQL),
    *_moves(S.LOST, SALES, S.SQL),
    *_moves(S.LOST, EITHER, S.RECYCLED),
    *_moves(S.LOST, MARKETING, S.MQL, S.DISQUALIFIED),
    *_moves(S.DISQUALIFIED, MARKETING, S.INQUIRY, S.PROSPECT),
    # What became of a lead is taken from wherever the portal has it: other systems know it, too.
    *(Move(source, target, SALES) for source in Stage for target in (S.WON, S.LOST) if source != target),
    *_moves(S.INQUIRY, SALES, S.REJECTED),
    *_moves(S.PROSPECT, SALES, S.REJECTED),
    *_moves(S.RECYCLED, SALES, S.REJECTED),
)
MOVE: dict[tuple[Stage, Stage], Move] = {(move.source, move.target): move for move in MOVES}

# Leads in these stages can be written to or called; the database refuses others there.
REACHABLE_ONLY = frozenset({Stage.PROSPECT, Stage.MQL})

# Where an outcome puts a lead; outcomes that are not here leave the stage as it is.
STAGE_OF_OUTCOME: dict[Outcome, Stage] = {
    Outcome.WON: Stage.WON,
    Outcome.LOST: Stage.LOST,
    Outcome.REJECTED: Stage.REJECTED,
}
FINAL_OUTCOMES = frozenset(Outcome(stage.value) for stage in OUTCOME_STAGES)


def sources_of(target: Stage) -> frozenset[Stage]:
    """The stages from which a lead may move to `target`."""
    return frozenset(move.source for move in MOVES if move.target == target)
