"""Building the snapshot and keeping it up to date. One process a host at a time; readers never wait.

What changed is found by transaction: the mark is taken before the rows are read, so a transaction open at that moment is at or
after it and comes with the next refresh, however late it commits.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import numpy as np

from leads.choices import FieldType, Known
from scoring.operators import day_of
from scoring.registry import Registry
from scoring.snapshot import files, reading
from scoring.snapshot.files import Damaged
from scoring.snapshot.merging import differing, merge
from scoring.snapshot.outcomes import Decided, carried_over, update_counted, update_outcomes, with_outcomes
from scoring.snapshot.reader import Snapshot, open_snapshot, snapshot_folder
from scoring.snapshot.segment import CODED, Array, Segment
from scoring.snapshot.shaping import microseconds
from scoring.snapshot.work import Progress, Work
from scoring.vocabulary import load_registry

log = logging.getLogger(__name__)

SEALED = 250_000  # cases of a segment that gets no more
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
    return _run(folder, wait, progress, lambda work, held: _built(work))


def erase_lead(lead_id: int, folder: Path | None = None) -> Snapshot | None:
    """Have what was erased of a lead leave the files at once: its rows are read again, values only it had are forgotten, older
    generations go. None when there is no snapshot.
    """
    if files.current(folder or snapshot_folder()) is None:
        return None
    return _run(folder, True, None, lambda work, held: _refreshed(work, held, erased=lead_id))


def _run(folder: Path | None, wait: bool, progress: Progress | None, make: "Callable[[Work, Snapshot], Snapshot]") -> Snapshot:
    folder = folder or snapshot_folder()
    with files.builders_lock(folder, wait=wait):
        try:
            # never the readers' own: dictionaries grow here
            held = open_snapshot(folder)
            if held is not None:
                files.verify(folder, held.manifest)
        except Damaged as problem:
            log.warning("the snapshot is built anew: %s", problem)
            held = None
        work = Work(folder, _next_number(folder), fields_kept(load_registry()), progress)
        if held is None or not _usable(held, work):
            return _built(work)
        return make(work, held)


def _next_number(folder: Path) -> int:
    return max((int(path.name) for path in (folder / "gen").glob("[0-9]*")), default=0) + 1


def _usable(held: Snapshot, work: "Work") -> bool:
    """Whether the generation is of this database and these fields; after a restored dump transactions count from lower numbers."""
    manifest = held.manifest
    fields = {key: str(kind) for key, kind in work.fields.items()}
    return bool(manifest["database"] == work.database and manifest["fields"] == fields and manifest["mark"] <= work.mark)


def _built(work: Work) -> Snapshot:
    case_ids, lead_ids = reading.case_ids(), reading.open_lead_ids()
    work.total = len(case_ids) + len(lead_ids)
    decided = []
    for first in range(0, len(case_ids), SEALED):
        some = case_ids[first : first + SEALED]
        decided.append(with_outcomes(work.cases(some, ranged=True), sealed=len(some) == SEALED))
    update_counted(decided)
    return work.publish(decided, work.leads(lead_ids, ranged=True))


def _refreshed(work: Work, held: Snapshot, *, all_leads: bool = False, erased: int | None = None) -> Snapshot:
    mark = held.mark
    changed_leads = set(reading.changed_leads(mark)) | _due(held.leads, work.moment)
    changed_cases = set(reading.changed_cases(mark))
    if erased is not None:
        changed_leads.add(erased)
    work.take_over(held)
    sealed = {entry["key"]: entry.get("sealed", False) for entry in held.manifest["segments"]}
    decided = [Decided(one.segment, sealed[one.segment.key], one.outcome, one.reason, one.counted) for one in held.cases]
    before = _contents(decided)
    touched = _bring_up_to_date(work, decided, changed_leads, changed_cases)
    update_counted(decided, touched)
    today = day_of(work.moment)
    anew = all_leads or today - held.leads.base_day >= REREAD_AFTER
    if anew:
        leads = work.leads(reading.open_lead_ids(), ranged=True)
    else:
        leads = _leads(work, held.leads, changed_leads)
    same = leads is held.leads and _contents(decided) == before and held.leads.as_of_day == today
    if anew or erased is not None:  # what is forgotten may not stay in an older generation
        _forget_values(work, [*(one.segment for one in decided), leads])
        return work.publish(decided, leads)
    if same:
        files.note_looked(work.folder, held.number, work.mark)
        return held
    return work.publish(decided, leads, [held])


def _contents(decided: Iterable[Decided]) -> list[tuple[object, ...]]:
    """Which arrays the decided segments are made of: those that change are made anew."""
    return [(one.segment.key, id(one.outcome), id(one.reason), id(one.counted)) for one in decided]


def _due(leads: Segment, moment: datetime) -> set[int]:
    """Leads with an event that did not count at the last look and does now."""
    assert leads.awaited is not None
    return set(leads.awaited["lead"][leads.awaited["at"] <= microseconds(moment)].tolist())


def _same_leads(held: Segment, ids: Array, fresh: Segment) -> bool:
    """Whether these leads, read again, are as they were: a transaction open for long, of any database of the server, has all
    that changed meanwhile read again and again.
    """
    assert held.awaited is not None
    assert fresh.awaited is not None
    if np.count_nonzero(np.isin(held.ids, ids)) != len(fresh) or len(differing(held, fresh)):
        return False
    awaited = held.awaited[np.isin(held.awaited["lead"], ids)]
    return np.array_equal(np.sort(awaited), np.sort(fresh.awaited))


def _leads(work: Work, held: Segment, changed: set[int]) -> Segment:
    ids = np.array(sorted(changed), np.int64)
    leads = held
    fresh = work.leads(ids, base_day=held.base_day)
    if not _same_leads(held, ids, fresh):
        leads = merge(token_hex(8), held, ids, fresh)
    if len(leads) != reading.open_lead_count():  # deleted ones leave no revision behind
        gone = np.setdiff1d(leads.ids, reading.open_lead_ids())
        if len(gone):
            leads = merge(token_hex(8), leads, gone, None)
    return leads


def _bring_up_to_date(work: Work, decided: list[Decided], leads: set[int], cases: set[int]) -> Array:
    """Change what differs, add what is new; returns the leads of all cases that did. A decided row changes only when facts were
    erased or when events came in later that had been known elsewhere before the decision.
    """
    looked_at = np.array(sorted(cases.union(reading.cases_of(sorted(leads)))), np.int64)
    touched: list[Array] = [np.empty(0, np.int64)]
    for place, one in enumerate(decided):
        mine = np.intersect1d(one.segment.ids, looked_at)
        looked_at = np.setdiff1d(looked_at, mine)
        if len(mine):
            fresh = work.cases(mine)
            wrong = differing(one.segment, fresh)
            gone = np.setdiff1d(mine, fresh.ids)
            if len(wrong) or len(gone):
                touched.append(one.segment.leads[np.isin(one.segment.ids, gone)])
                decided[place] = carried_over(one, merge(token_hex(8), one.segment, gone, fresh))
            changed = mine[np.isin(mine, list(cases))]
            update_outcomes(decided[place], changed)
            touched.append(decided[place].segment.leads[np.isin(decided[place].segment.ids, changed)])
    touched.append(_add_cases(work, decided, looked_at))
    touched.append(_drop_deleted(decided))
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


def _drop_deleted(decided: list[Decided]) -> Array:
    """Take out cases that went with their leads, which nothing marks; returns the leads."""
    held = sum(len(one.segment) for one in decided)
    if held == reading.case_count():
        return np.empty(0, np.int64)
    there = reading.case_ids()
    leads: list[Array] = [np.empty(0, np.int64)]
    for place, one in enumerate(decided):
        gone = np.setdiff1d(one.segment.ids, there)
        if len(gone):
            leads.append(one.segment.leads[np.isin(one.segment.ids, gone)])
            decided[place] = carried_over(one, merge(token_hex(8), one.segment, gone, None))
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
