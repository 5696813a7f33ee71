"""The live path: whatever changed is scored again, and who now meets a model gets a qualification.

Work is pulled: a lead waits when its revision is newer than the one its score was made from, when a day has come on
which time alone may move it, or when a version came into force. Every batch is one transaction; a crash loses nothing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, timedelta

from django.db import transaction

from leads import clock
from scoring import store, swap_history, waiting
from scoring.locks import SCORER, try_lock
from scoring.looking import BATCH, score_batch
from scoring.qualifying import promote_released
from scoring.questions import ask
from scoring.waiting import Pending


def score_dirty(limit: int = BATCH, *, score: Callable[[Sequence[int]], object] | None = None) -> int:
    """Score up to `limit` leads that wait for it; answers how many. One process at a time does this, others get 0.

    Changed leads come first, then those whose day has come, then the rest that was not looked at under a new version yet.
    Last comes a part of the history of what moved when all scores were made anew. `score` scores a batch inside the transaction, in place of `score_batch`.
    """
    score = score or score_batch
    with transaction.atomic():
        if not try_lock(SCORER):
            return 0
        now = clock.now()
        ids = waiting.changed_leads(limit)
        ids += waiting.due_leads(now, limit - len(ids))
        done = len(set(ids))
        if ids:
            score(ids)
        for pending in waiting.pending_activations()[:1]:
            done += _work_off(pending, limit - done, score)
        promote_released(clock.now())
    return done + (_many(score) if done >= limit else 0) + swap_history.write_some()


def _many(score: Callable[[Sequence[int]], object]) -> int:
    """The first of very many that wait, by columns; answers how many."""
    ids, pending = waiting.many_waiting(clock.now())
    if not ids:
        return 0
    from scoring.many import score_many  # takes numpy with it, which no process should start with

    return score_many(ids, pending, score)


def put_off(lead_id: int) -> None:
    """Let a lead that cannot be scored wait until its facts change, at most until tomorrow; its score stays as it is."""
    with transaction.atomic():
        now = clock.now()
        states = store.lock_states([lead_id], now)
        revisions = ask(store.revisions_of([lead_id]))
        tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
        for state in states.values():
            store.write_states({lead_id: (revisions.get(lead_id, 0), tomorrow)}, state.scored_at)


def _work_off(pending: Pending, limit: int, score: Callable[[Sequence[int]], object]) -> int:
    ids = waiting.backlog(pending, limit)
    if ids:
        score(ids)
        pending.activation.refresh_from_db(fields=["counts"])
        pending.note(cursor=ids[-1])
    elif limit > 0:
        pending.finish()
    return len(ids)
