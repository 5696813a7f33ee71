"""The table of moves: complete, consistent, and what the verbs do."""

import pytest

from handoff.states import (
    ANSWER,
    ASSIGN,
    DONE,
    OPEN,
    REVIEW,
    TERMINAL,
    TRANSITIONS,
    WITH_REP,
    WORK,
    ClockKind,
    HandoffState,
    transition,
    verbs_from,
)  # fmt: skip

S = HandoffState


def test_the_groups_cover_every_state_once():
    assert set(S) == OPEN | TERMINAL
    assert not OPEN & TERMINAL
    assert OPEN - WITH_REP == {S.QUEUED}


def test_a_verb_makes_one_move_from_a_state():
    seen = [(move.verb, source) for move in TRANSITIONS for source in move.sources]
    assert len(seen) == len(set(seen))


def test_every_state_can_be_reached_and_every_open_one_left():
    targets = {move.target for move in TRANSITIONS} | {S.QUEUED}
    assert targets - {None} == set(S)
    for state in OPEN:
        assert {move.target for move in TRANSITIONS if state in move.sources} & TERMINAL


def test_each_clock_is_started_and_can_end():
    for kind in ClockKind:
        ends = [move for move in TRANSITIONS if kind in move.meets + move.cancels]
        assert ends, kind
    assert {kind for move in TRANSITIONS for kind in move.starts} == set(ClockKind)


def test_no_move_both_meets_and_cancels_a_clock():
    assert not [move for move in TRANSITIONS if set(move.meets) & set(move.cancels)]


@pytest.mark.parametrize(
    ("verb", "source", "target"),
    [
        ("accept", S.OFFERED, S.ACCEPTED),
        ("reject", S.OFFERED, S.REJECTED),
        ("undo", S.REJECTED, S.OFFERED),
        ("attempt", S.ACCEPTED, S.CONTACTED),
        ("convert", S.CONTACTED, S.CONVERTED),
        ("win", S.CONVERTED, S.CLOSED),
        ("give_up", S.CONTACTED, S.RECYCLED),
        ("reassign", S.CONTACTED, S.OFFERED),
        ("withdraw", S.QUEUED, S.CLOSED),
        ("recycle", S.REJECTED, S.RECYCLED),
    ],
)
def test_a_move_leads_where_the_product_says(verb, source, target):
    assert transition(verb, source).target == target


@pytest.mark.parametrize(
    ("verb", "source"),
    [
        ("accept", S.QUEUED),
        ("accept", S.REJECTED),
        ("reject", S.ACCEPTED),
        ("undo", S.CONTACTED),
        ("win", S.OFFERED),
        ("recycle", S.CLOSED),
    ],
)
def test_other_moves_do_not_exist(verb, source):
    assert transition(verb, source) is None


def test_people_see_only_verbs_of_people():
    assert [move.verb for move in verbs_from(S.OFFERED)] == [
        "accept",
        "reject",
        "pause",
        "resume",
        "reassign",
        "nudge",
        "withdraw",
    ]
    assert {move.permission for move in TRANSITIONS} == {"", ANSWER, WORK, ASSIGN, REVIEW}


def test_every_verb_has_words_for_what_was_done():
    assert {move.verb for move in TRANSITIONS} <= DONE.keys()
