"""Made-up histories in memory: cases with outcomes, several of some leads, and open leads, as a snapshot holds them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np

from scoring.evaluate_python import Event, Facts
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.outcomes import Decided, update_counted
from scoring.snapshot.reader import OUTCOMES, Snapshot
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Segment
from tests.scoring.columns import segment_of
from tests.scoring.samples import AS_OF, REGISTRY
from tests.scoring.strategies import DAYS, KINDS, TITLES


@dataclass(frozen=True)
class Past:
    """A case as the tests count it."""

    id: int
    lead: int
    facts: Facts
    at: datetime
    outcome: str
    reason: int
    dated: bool


@dataclass(frozen=True)
class History:
    cases: list[Past]
    leads: dict[int, Facts]
    snapshot: Snapshot


def some_facts(rng: Random, at: datetime, *, history: bool = True) -> Facts:
    pick = rng.choice
    values = {
        "lead.job_title": pick([None, *TITLES]),
        "lead.email_domain": pick([None, "", "gmail.com", "GMX.de", "vp.example"]),
        "lead.seniority": pick([None, "vp", "staff"]),
        "company.employees": pick([None, rng.randint(0, 1000)]),
        "company.is_customer": pick([None, True, False]),
        "custom.interests": pick([None, [], ["api"], ["sso", "api"]]),
        "custom.renewal": pick([None, (at - timedelta(days=pick(DAYS))).date().isoformat()]),
    }
    events = []
    for number in range(rng.randint(0, 6)):
        when = at - timedelta(days=rng.randint(-2, 100), seconds=rng.randint(-4000, 4000))
        events.append(Event(number + 1, pick(KINDS), when, when + timedelta(days=pick([0, 0, 3])), pick([None, 1, 2])))
    return Facts(values, events if history else (), history)


def some_history(seed: int, cases: int = 60, leads: int = 40, people: int = 45) -> History:
    """`cases` of some of `people`, in two segments, the second one written later; and open leads."""
    rng = Random(seed)
    past = []
    for number in range(1, cases + 1):
        at = AS_OF - timedelta(days=rng.randint(0, 220), seconds=rng.randint(0, 80_000))
        history = rng.random() < 0.9
        outcome = str(rng.choice(OUTCOMES))
        facts = some_facts(rng, at, history=history)
        reason = rng.randint(1, 2) if outcome == "rejected" else 0
        past.append(Past(number, rng.randint(1, people), facts, at, outcome, reason, rng.random() < 0.7))
    still = {lead: some_facts(rng, AS_OF) for lead in range(1, leads + 1)}
    dictionaries: dict[str, Dictionary] = {}
    decided = []
    for number, some in enumerate((past[: cases // 2], past[cases // 2 :])):
        segment = segment_of(
            [one.facts for one in some], REGISTRY, decided=[one.at for one in some], dictionaries=dictionaries,
            first_id=some[0].id, key=f"cases {seed} {number}",
        )  # fmt: skip
        flags = [(DATED if one.dated else 0) | (HAS_ACTIVITY if one.facts.has_activity else 0) for one in some]
        segment = replace(segment, leads=np.array([one.lead for one in some]), flags=np.array(flags, np.uint8))
        outcome = np.array([OUTCOMES.index(one.outcome) for one in some], np.int8)
        reasons = np.array([one.reason for one in some], np.int32)
        decided.append(Decided(segment, False, outcome, reasons, np.zeros(len(some), np.uint8)))
    update_counted(decided)
    manifest = {"built_at": AS_OF.isoformat(), "mark": "1:1:"}
    snapshot = Snapshot(
        seed, Path("/nowhere"), manifest, tuple(one.cases() for one in decided), _opened(still, seed, dictionaries), dictionaries
    )
    return History(past, still, snapshot)


def _opened(still: dict[int, Facts], seed: int, dictionaries: dict[str, Dictionary]) -> tuple[Segment, Segment]:
    """The open leads, all read at first and the last ten read again since, when they no longer had the facts they had then."""
    rng, again = Random(seed + 1000), max(len(still) - 10, 1)
    before = [facts if number < again else some_facts(rng, AS_OF) for number, facts in enumerate(still.values())]
    base = segment_of(before, REGISTRY, as_of=AS_OF, dictionaries=dictionaries, key=f"open {seed}")
    since = segment_of(
        list(still.values())[again:], REGISTRY, as_of=AS_OF, dictionaries=dictionaries, first_id=again + 1, key=f"since {seed}"
    )
    return base.without(np.arange(again, len(still)), AS_OF), since
