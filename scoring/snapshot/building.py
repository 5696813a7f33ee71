"""Building the snapshot and keeping it up to date. One process a host at a time; readers never wait.

What changed is found by transaction: the mark is taken before the rows are read, so a transaction open at that moment is at or
after it and comes with the next refresh, however late it commits.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import numpy as np

from leads.choices import FieldType, Known
from scoring.operators import day_of
from scoring.registry import Registry
from scoring.snapshot import files, packing, reading
from scoring.snapshot.coding import Ambiguous
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.files import Damaged
from scoring.snapshot.mark import Mark
from scoring.snapshot.merging import awaited_of, differing, due_of, merge, places_of, whole
from scoring.snapshot.outcomes import Decided, carried_over, update_counted, update_outcomes, with_outcomes
from scoring.snapshot.reader import Snapshot, open_snapshot, snapshot_folder
from scoring.snapshot.segment import CODED, Array, Segment
from scoring.snapshot.work import Progress, Work
from scoring.vocabulary import load_registry

log = logging.getLogger(__name__)

SEALED = 250_000  # cases of a segment that gets no more
FEW = 20_000  # rows read again, or stale, up to which they stay beside the last full reading ...
SHARE_BESIDE = 0.1  # ... or, where that is large, this share of it
REREAD_AFTER = 7  # days: what no revision tells, such as a campaign's new name, is not older than that


def fields_kept(registry: Registry) -> dict[str, FieldType]:
    """The fields the snapshot holds: not personal ones, and none that is learnt only after the decision."""
    return {key: one.type for key, one in sorted(registry.fields.items()) if not one.personal and one.known != Known.AFTER}


def refresh(folder: Path | None = None, *, wait: bool = True, progress: Progress | None = None) -> Snapshot:
    """The snapshot brought up to date, built when there is none or it cannot be used. Raises `Busy` when not to wait."""
    return _run(folder, wait, progress, _refreshed)


def reread_leads(folder: Path | None = None, *, wait: bool = True, progress: Progress | None = None) -> Snapshot:
    """Like `refresh`, with all open leads read anew and values that no row has any more forgotten. For each night."""
    return _run(folder, wait, progress, lambda work, held: _refreshed(work, held, all_leads=True))


def rebuild(folder: Path | None = None, *, wait: bool = True, progress: Progress | None = None) -> Snapshot:
    """Everything read anew, with new dictionaries; older generations go."""
    return _run(folder, wait, progress, None)


def erase_lead(lead_id: int, folder: Path | None = None) -> Snapshot | None:
    """Have what was erased of a lead leave the files at once: its rows are read again, values only it had are forgotten, older
    generations go. None when there is no snapshot.
    """
    if files.current(folder or snapshot_folder()) is None:
        return None
    return _run(folder, True, None, lambda work, held: _refreshed(work, held, erased=lead_id))


@dataclass(frozen=True, slots=True)
class _Last:
    """What this process built last, with the builder's own dictionaries, so that the next refresh does not read them again."""

    snapshot: Snapshot
    dictionaries: Mapping[str, Dictionary]


_last: _Last | None = None
_careful: set[str] = set()  # fields of which an ambiguous text was met


def _run(
    folder: Path | None, wait: bool, progress: Progress | None, make: "Callable[[Work, Snapshot], Snapshot] | None"
) -> Snapshot:
    """Build, by `make` where there is a generation to go on from."""
    global _last
    folder = folder or snapshot_folder()
    with files.builders_lock(folder, wait=wait), packing.roomy():
        # forgotten until all went well: dictionaries grow on the way
        last, _last = _last, None
        while _last is None:
            try:
                _last = _made(folder, last, progress, make)
            except Ambiguous as problem:
                if _careful >= problem.keys:
                    raise
                _careful.update(problem.keys)
                last = None
        return _last.snapshot


def _made(
    folder: Path, last: _Last | None, progress: Progress | None, make: "Callable[[Work, Snapshot], Snapshot] | None"
) -> _Last:
    held = _usable_one(folder, last) if make is not None else None
    work = Work(folder, _next_number(folder), fields_kept(load_registry()), progress, careful=frozenset(_careful))
    if make is None or held is None or not _usable(held, work):
        return _Last(_built(work), work.dictionaries)
    work.take_over(held, last.dictionaries if last is not None and last.snapshot is held else None)
    return _Last(make(work, held), work.dictionaries)


def _usable_one(folder: Path, last: _Last | None) -> Snapshot | None:
    """The current generation with every file as it was written; None when there is none, or it is not."""
    try:
        held = open_snapshot(folder, last.snapshot if last is not None and last.snapshot.folder == folder else None)
        if held is not None:
            files.read_manifest(folder, held.number, held.manifest["digest"])
            files.verify(folder, held.manifest)
    except Damaged as problem:
        log.warning("the snapshot is built anew: %s", problem)
        return None
    return held


def _next_number(folder: Path) -> int:
    return max((int(path.name) for path in (folder / "gen").glob("[0-9]*")), default=0) + 1


def _usable(held: Snapshot, work: "Work") -> bool:
    """Whether the generation is of this database and these fields; after a restored dump transactions count from lower numbers."""
    manifest = held.manifest
    fields = {key: str(kind) for key, kind in work.fields.items()}
    return bool(
        manifest["database"] == work.database
        and manifest["fields"] == fields
        and Mark(manifest["mark"]).oldest <= work.mark.oldest
    )


def _built(work: Work) -> Snapshot:
    leads, cases, outcomes = work.anew(SEALED)
    decided = [with_outcomes(some, len(some) >= SEALED, outcomes) for some in cases]
    update_counted(decided)
    return work.publish(decided, [leads])


def _refreshed(work: Work, held: Snapshot, *, all_leads: bool = False, erased: int | None = None) -> Snapshot:
    mark, settled = held.marks
    changed_leads = {*reading.changed_leads(mark), *(lead for one in held.open for lead in due_of(one, work.moment).tolist())}
    changed_cases = {*reading.changed_cases(mark), *reading.cases_of(sorted(changed_leads), settled)}
    if erased is not None:
        changed_leads.add(erased)
        changed_cases.update(reading.cases_of([erased], Mark.nothing()))
    sealed = {entry["key"]: entry.get("sealed", False) for entry in held.manifest["segments"]}
    decided = [Decided(one.segment, sealed[one.segment.key], one.outcome, one.reason, one.counted) for one in held.cases]
    before = _contents(decided)
    touched = _bring_up_to_date(work, decided, changed_cases)
    update_counted(decided, touched)
    today = day_of(work.moment)
    anew = all_leads or today - held.open[0].base_day >= REREAD_AFTER
    leads: Sequence[Segment]
    if anew:
        leads = [work.anew()[0]]
    else:
        leads = _leads(work, held.open, np.array(sorted(changed_leads), np.int64), whole_anew=erased is not None)
    same = leads is held.open and _contents(decided) == before and held.open[0].as_of_day == today
    if anew or erased is not None:  # what is forgotten may not stay in an older generation
        _forget_values(work, [*(one.segment for one in decided), *leads])
        return work.publish(decided, leads)
    if same:
        files.note_looked(work.folder, held.number, work.mark.text, work.settled().text)
        return held
    return work.publish(decided, leads, [held])


def _contents(decided: Iterable[Decided]) -> list[tuple[object, ...]]:
    """Which arrays the decided segments are made of: those that change are made anew."""
    return [(one.segment.key, id(one.outcome), id(one.reason), id(one.counted)) for one in decided]


def _leads(work: Work, held: tuple[Segment, ...], changed: Array, *, whole_anew: bool) -> Sequence[Segment]:
    """The open leads with these read again; `held` itself when all are as they were.

    What was read again is kept beside the last full reading, whose rows are marked stale, until that is no longer little or
    `whole_anew` asks for one segment that holds nothing stale.
    """
    base, *rest = held
    again = work.leads(changed, base_day=base.base_day) if len(changed) else None
    gone, fresh = _news(held, changed, again) if again is not None else (changed, None)
    if not len(gone) and (not whole_anew or (not rest and base.stale is None)):
        return held
    stale = places_of(base.ids, gone)
    if base.stale is not None:
        stale = np.union1d(stale, np.flatnonzero(base.stale))
    base = base.without(stale, work.moment)
    if rest:
        fresh = merge(token_hex(8), rest[0], gone, fresh)
    parts = [base] if fresh is None or not len(fresh) else [base, fresh]
    if whole_anew or max(len(stale), *map(len, parts[1:]), 0) > max(FEW, len(base) * SHARE_BESIDE):
        return [replace(whole(parts), key=token_hex(8))]
    return parts


def _news(held: Sequence[Segment], changed: Array, again: Segment) -> tuple[Array, Segment | None]:
    """Of changed leads that were read again: those whose rows hold no longer, and the rows of those that are open.

    A transaction open for long, of any database of the server, has all that changed meanwhile read again and again.
    """
    awaiting = [awaited_of(one) for one in held]
    awaiting = [some[np.isin(some["lead"], changed)] for some in awaiting]
    assert again.awaited is not None
    waits, waited = set(again.awaited.tolist()), set(np.concatenate(awaiting).tolist())
    other = np.array(sorted({lead for lead, _ in waits ^ waited}), np.int64)
    same = np.zeros(len(again), bool)
    there = np.zeros(len(changed), bool)
    for one in held:
        same |= ~np.isin(again.ids, differing(one, again))
        valid = one.ids if one.stale is None else one.ids[~one.stale]
        there[places_of(changed, valid[places_of(valid, changed)])] = True
    same &= ~np.isin(again.ids, other)
    kept = again.ids[same]
    left = changed[there & ~np.isin(changed, again.ids)]
    if not len(left) and same.all():
        return left, None
    fresh = merge(token_hex(8), again, kept, None) if len(kept) else again
    return np.union1d(left, fresh.ids), fresh


def _bring_up_to_date(work: Work, decided: list[Decided], cases: set[int]) -> Array:
    """Change what differs, add what is new; returns the leads of all cases that did. A decided row changes only when facts were
    erased or when events came in later that had been known elsewhere before the decision.
    """
    looked_at = np.array(sorted(cases), np.int64)
    touched: list[Array] = [np.empty(0, np.int64)]
    for place, one in enumerate(decided):
        mine = one.segment.ids[np.unique(places_of(one.segment.ids, looked_at))]
        looked_at = np.setdiff1d(looked_at, mine)
        if len(mine):
            fresh = work.cases(mine)
            wrong = differing(one.segment, fresh)
            gone = np.setdiff1d(mine, fresh.ids)
            if len(wrong) or len(gone):
                decided[place] = carried_over(one, merge(token_hex(8), one.segment, gone, fresh))
            update_outcomes(decided[place], fresh.ids)
            touched.append(one.segment.leads[places_of(one.segment.ids, mine)])
    touched.append(_add_cases(work, decided, looked_at))
    return np.unique(np.concatenate(touched))


def _add_cases(work: Work, decided: list[Decided], ids: Array) -> Array:
    """Add new cases to the tail, sealing it when it is full; returns their leads."""
    leads: list[Array] = [np.empty(0, np.int64)]
    while len(ids):
        tail = decided[-1] if decided and not decided[-1].sealed else None
        room = SEALED - (len(tail.segment) if tail else 0)
        fresh = work.cases(ids[:room])
        leads.append(fresh.leads)
        if tail is None:
            decided.append(with_outcomes(fresh, sealed=len(fresh) == SEALED))
        else:
            merged = carried_over(tail, merge(token_hex(8), tail.segment, [], fresh))
            update_outcomes(merged, fresh.ids)
            merged.sealed = len(merged.segment) >= SEALED
            decided[-1] = merged
        ids = ids[room:]
    return np.concatenate(leads)


def _forget_values(work: Work, segments: Sequence[Segment]) -> None:
    """Take out of the dictionaries what no row has."""
    for key, kind in work.fields.items():
        if kind not in CODED:
            continue
        dictionary = work.dictionaries[key]
        used = np.zeros(len(dictionary) + 1, bool)  # -1, unknown, points at the last
        for segment in segments:
            used[segment.columns[key]] = True
        for code in np.flatnonzero(~used[:-1]).tolist():
            dictionary.forget(code)
