"""A look at a batch of leads by every version in force: what it finds is written in one transaction, and only where it differs.

Who now meets a model gets a qualification; the revision looked at is noted, so that a crash loses nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from django.db import connection, transaction
from psycopg import sql

from leads import clock
from leads.models import Lead
from scoring import store
from scoring.compiler import Live, live_question
from scoring.evaluate_python import Facts, Result, evaluator
from scoring.facts import facts_from_answers, facts_of_leads, fields_of, longest_window, standings_of_leads
from scoring.holds import NURTURE, UNREACHABLE, Standing, hold_of
from scoring.locks import VERSIONS, sharing
from scoring.models import FLAG_GATED, FLAG_MQL, FLAG_MQO, Activation
from scoring.qualifying import Cause, Entry, brought_by_import, kinds_of, promote_released, record_entries, release_renewed
from scoring.questions import Question, ask_all, ask_in_turn, the_time
from scoring.store import Change, Score, State
from scoring.vocabulary import load_wording
from scoring.waiting import Pending, pending_question

BATCH = 1000
READ_AT_ONCE = 250  # leads of these, while others are judged
_NO_WAIT: Question[None] = Question(sql.SQL("SELECT set_config('synchronous_commit', 'off', true)"), [], lambda rows: None)


def score_now(lead_ids: Sequence[int]) -> None:
    """Score these leads before returning, in batches of one transaction each. Safe beside the worker's own pass.

    Unless the caller's own transaction is around it, nobody waits for the disk: what a crash takes back was never noted as looked
    at either, so that the leads are scored again, and what is written because of it is not on disk before it.
    """
    is_alone = not connection.in_atomic_block
    for batch in batches_of(sorted(set(lead_ids))):
        with transaction.atomic():
            if score_batch(batch, lazily=is_alone):
                promote_released(clock.now())


def rescore_some(after: int, limit: int) -> list[int]:
    """Score the next `limit` leads with an id above `after`; answers their ids."""
    ids = list(Lead.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:limit])
    score_now(ids)
    return ids


def batches_of(ids: Sequence[int], size: int = BATCH) -> Iterator[list[int]]:
    """The same ids, so many at a time."""
    some = iter(ids)
    while batch := list(islice(some, size)):
        yield batch


@dataclass(slots=True)
class _Found:
    """What is to be written of a batch of leads."""

    written: dict[tuple[int, int], Score] = field(default_factory=dict)
    gone: set[tuple[int, int]] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    entered: list[tuple[Live, int, Result, int, str, bool]] = field(default_factory=list)
    renewed: set[int] = field(default_factory=set)
    due: dict[int, date] = field(default_factory=dict)

    def note_due(self, lead_id: int, day: date | None) -> None:
        if day is not None and (lead_id not in self.due or day < self.due[lead_id]):
            self.due[lead_id] = day


@dataclass(slots=True)
class _Batch:
    """What leads were found with, all read before `at`, and where what is to be written is gathered."""

    at: datetime
    states: dict[int, State]
    revisions: dict[int, int]
    facts: dict[int, Facts]
    standings: dict[int, tuple[Standing, datetime]]
    old: dict[tuple[int, int], Score]
    pending: dict[int, Pending]
    found: _Found
    _imported: dict[datetime | None, set[int]] = field(default_factory=dict)

    @property
    def looked_at(self) -> datetime:
        """When, for the states: always after every version that came into force, also by a clock that stands still."""
        return max([self.at, *(pending.activation.at + timedelta(microseconds=1) for pending in self.pending.values())])

    def imported(self, begun: datetime | None = None) -> set[int]:
        """Which of them an import not meant for sales touched since they were last scored, or since `begun` if that is earlier:
        asked for when something moves.
        """
        if begun not in self._imported:
            since = {
                lead_id: None if state.rev == store.NEVER else min(state.scored_at, begun or self.at, self.at)
                for lead_id, state in self.states.items()
            }
            self._imported[begun] = brought_by_import(since)
        return self._imported[begun]


def score_batch(lead_ids: Sequence[int], *, lazily: bool = False) -> bool:
    """Score these leads by every version in force, inside the caller's transaction; a bounded number of leads, please.

    Writes only rows that change: scores, the history of changes, qualifications of who entered, and the revision scored.
    Answers whether any qualification was made or released. `lazily`: the transaction ends without waiting for the disk.
    """
    found, parts = _Found(), []
    for batch, lives in _load(sorted(set(lead_ids)), found, lazily):
        parts.append(batch)
        for lead_id in sorted(batch.facts):
            for live in lives:
                _judge(batch, live, lead_id)
    if not parts:
        return False
    store.write_scores(found.written)
    store.delete_scores(found.gone)
    store.write_changes(found.changes, parts[-1].at)
    made = record_entries(_entries(found.entered), parts[-1].at)
    released = release_renewed(sorted(found.renewed), parts[-1].at)
    for batch in parts:
        states = {lead_id: (batch.revisions.get(lead_id, 0), found.due.get(lead_id)) for lead_id in batch.facts}
        store.write_states(states, batch.looked_at)
    return bool(made or released)


def _load(ids: list[int], found: _Found, lazily: bool) -> Iterator[tuple[_Batch, list[Live]]]:
    """The leads part by part, each read while the one before is judged."""
    # The lock comes first: what the versions are when they are read they stay until all this is committed.
    _, lives, waiting, states, before, *_ = ask_all(
        sharing(VERSIONS),
        live_question(silent=True),
        pending_question(),
        store.states_of(ids),
        the_time(),
        *([_NO_WAIT] if lazily else []),
    )
    states = store.with_missing(states, ids, before)
    horizon = min((before - longest_window(live.spec) for live in lives), default=before)
    versions = [live.version_id for live in lives] + [version for one in waiting for version in one.replaces]
    fields, pending = fields_of(live.spec for live in lives), {one.model_id: one for one in waiting}
    parts = list(batches_of(sorted(states), READ_AT_ONCE))
    # The revisions come before the facts, so that what changes in between only comes again; the time comes after both.
    rounds = [
        (
            store.revisions_of(some),
            *facts_of_leads(some, horizon, fields),
            standings_of_leads(some),
            store.scores_of(some, versions),
            the_time(),
        )
        for some in parts
    ]
    for some, (revisions, events, values, standings, old, at) in zip(parts, ask_in_turn(rounds), strict=True):
        mine = {lead_id: states[lead_id] for lead_id in some}
        yield _Batch(at, mine, revisions, facts_from_answers(events, values), standings, old, pending, found), lives


def _judge(batch: _Batch, live: Live, lead_id: int) -> None:
    facts = batch.facts[lead_id]
    judge = evaluator(live.spec)
    result = judge.evaluate(facts, batch.at)
    batch.found.note_due(lead_id, result.due_on)
    key = (live.version_id, lead_id)
    stored = batch.old.get(key)
    standing, created_at = batch.standings[lead_id]
    before, since, first_look = _before(batch, live, lead_id, created_at)
    if not result.in_scope:
        if stored:
            batch.found.gone.add(key)
        if before and not live.silent:
            batch.found.changes.append(
                Change(lead_id, live.version_id, before, Score(0, 0, None, 0, None), _cause(batch, lead_id))
            )
        return
    hold = hold_of(standing, judge, facts, result, batch.at)
    if hold == NURTURE:
        batch.found.note_due(lead_id, standing.return_on)
    score = score_of(result, hold)
    if score != stored:
        batch.found.written[key] = score
    if live.silent:
        return
    moved = before is None or score[:4] != before[:4]
    cause = (Cause.ACTIVATION if first_look else _cause(batch, lead_id)) if moved else ""
    if moved:
        batch.found.changes.append(Change(lead_id, live.version_id, before, score, cause))
    if not score.flags & FLAG_MQL:
        return
    held = stored.flags if stored else 0
    entered = score.flags & ~(held & before.flags if before else 0 if first_look else held) & (FLAG_MQL | FLAG_MQO)
    did_something = _has_news(batch, lead_id, since)
    if entered:
        with_version = first_look and not entered & ~held
        reason = _cause_with_version(batch, live, lead_id) if with_version else _cause(batch, lead_id)
        is_kept = reason == Cause.ACTIVATION and batch.pending[live.model_id].activation.wave != Activation.Wave.NOW
        batch.found.entered.append((live, lead_id, result, entered, reason, is_kept))
    elif did_something and batch.states[lead_id].rev != store.NEVER:
        batch.found.renewed.add(lead_id)


def _before(batch: _Batch, live: Live, lead_id: int, created_at: datetime) -> tuple[Score | None, datetime, bool]:
    """What a lead had before this look, since when news are new, and whether it is the first look under a new version."""
    pending, scored_at = batch.pending.get(live.model_id), batch.states[lead_id].scored_at
    stored = batch.old.get((live.version_id, lead_id))
    seen = scored_at > pending.activation.at if pending and batch.states[lead_id].rev != store.NEVER else False
    if pending is None or seen or not pending.covers(lead_id, created_at):
        return stored, scored_at, False
    replaced = next((batch.old[one, lead_id] for one in pending.replaces if (one, lead_id) in batch.old), None)
    return replaced, pending.activation.at, True


def score_of(result: Result, hold: str) -> Score:
    """What is stored of a result: its sums, and tier and marks unless a gate or a hold bars them."""
    if result.gate is not None:
        return Score(result.fit, result.engagement, None, FLAG_GATED, result.gate)
    if hold == UNREACHABLE:
        return Score(result.fit, result.engagement, None, FLAG_GATED, hold)
    if hold:
        return Score(result.fit, result.engagement, result.tier, 0, hold)
    flags = (FLAG_MQL if result.mql else 0) | (FLAG_MQO if result.mqo else 0)
    return Score(result.fit, result.engagement, result.tier, flags, None)


def _has_news(batch: _Batch, lead_id: int, since: datetime) -> bool:
    since = min(since, batch.at)  # a clock may have been set back
    return any(event.known_at >= since for event in batch.facts[lead_id].events)


def _cause(batch: _Batch, lead_id: int) -> str:
    """What moved the score of a lead."""
    state = batch.states[lead_id]
    if lead_id in batch.imported():
        return Cause.IMPORT
    if state.rev == batch.revisions.get(lead_id, 0):
        return Cause.TIME
    if state.rev == store.NEVER:
        return Cause.EVENT if batch.facts[lead_id].events else Cause.FACTS
    return Cause.EVENT if _has_news(batch, lead_id, state.scored_at) else Cause.FACTS


def _cause_with_version(batch: _Batch, live: Live, lead_id: int) -> str:
    """What brought a lead that meets a version since that came into force."""
    begun = batch.pending[live.model_id].begun
    if lead_id in batch.imported(begun):
        return Cause.IMPORT
    return Cause.EVENT if _has_news(batch, lead_id, begun) else Cause.ACTIVATION


def _entries(entered: list[tuple[Live, int, Result, int, str, bool]]) -> list[Entry]:
    """The best first, as that is the order in which sales gets them."""
    if not entered:
        return []
    wording = load_wording()
    entered.sort(key=lambda one: (-1 if one[2].tier is None else -one[2].tier, -one[2].fit - one[2].engagement, one[1]))
    return [
        Entry(
            lead_id=lead_id,
            model_id=live.model_id,
            version_id=live.version_id,
            kinds=kinds_of(flags),
            cause=cause,
            fit=result.fit,
            engagement=result.engagement,
            tier=result.tier,
            lines=wording.lines(result.lines),
            is_kept=is_kept,
        )
        for live, lead_id, result, flags, cause, is_kept in entered
    ]
