"""What one version says of leads by the reference evaluator, as it is stored: for what columns cannot say, and to check them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leads.errors import AccordError
from scoring import store
from scoring.compiler import Live
from scoring.evaluate_python import Facts, Result, evaluator
from scoring.facts import facts_from_answers, facts_of_leads, longest_window, standings_of_leads
from scoring.holds import Standing, hold_of
from scoring.looking import score_of
from scoring.questions import ask_all
from scoring.store import Score


class Differ(AccordError):
    """Columns and reference say different things of a lead, and no newer change explains it: nothing was written."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead's result by one version and what is stored of it; `score` None: out of scope."""

    facts: Facts
    result: Result
    score: Score | None


@dataclass(frozen=True, slots=True)
class Known:
    """Leads as they are: where each stands and its facts; who is gone is left out."""

    standings: dict[int, tuple[Standing, datetime]]
    facts: dict[int, Facts]


def known_of(lead_ids: Sequence[int], since: datetime) -> Known:
    """These leads as they are now, activities before `since` left out."""
    ids = sorted(set(lead_ids))
    standings, *answers = ask_all(standings_of_leads(ids), *facts_of_leads(ids, since))
    return Known(standings, facts_from_answers(*answers))


def judge_known(live: Live, known: Known, at: datetime) -> dict[int, Judged]:
    """What the version says of each as of `at`; asks the database nothing."""
    judge = evaluator(live.spec)
    found = {}
    for lead_id, facts in known.facts.items():
        if lead_id not in known.standings:
            continue
        result = judge.evaluate(facts, at)
        hold = hold_of(known.standings[lead_id][0], judge, facts, result, at)
        found[lead_id] = Judged(facts, result, score_of(result, hold) if result.in_scope else None)
    return found


def judged(live: Live, lead_ids: Sequence[int], at: datetime) -> dict[int, Judged]:
    """What the version says of these leads as of `at`, with the facts as they are now; leads that are gone are left out."""
    return judge_known(live, known_of(lead_ids, at - longest_window(live.spec)), at)


def score_again(live: Live, lead_ids: Sequence[int], at: datetime) -> dict[int, Judged]:
    """Bring these leads' scores by this version up to date, in the caller's transaction and beside the live path.

    Answers what it says of each.
    """
    store.lock_states(sorted(set(lead_ids)), at)
    found = judged(live, lead_ids, at)
    store.write_scores({(live.version_id, lead_id): one.score for lead_id, one in found.items() if one.score is not None})
    store.delete_scores(
        (live.version_id, lead_id) for lead_id in set(lead_ids) if (one := found.get(lead_id)) is None or one.score is None
    )
    return found
