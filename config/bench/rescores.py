"""Scoring very many leads again: by exchanging whole tables, by changing rows in place, a few of them, and by a new version."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from django.db import connection, transaction

from config.bench.measure import Probe, check
from leads.jobs import hold, work_on
from leads.models import Lead
from leads.revisions import touch_revisions
from scoring.actions.activating import activate_version
from scoring.actions.versions import create_draft, write_content
from scoring.activation import ActivationWork
from scoring.column_cache import column_cache
from scoring.many import exchange_if_most_differ, follow_up, rescore_by_columns, rescore_what_differs
from scoring.mass import Reading
from scoring.models import Activation, LeadScore, ModelVersion, ScoreChange
from scoring.rescoring import score_dirty

WRONG = 100_000  # added to a score, it is one that no lead has


def change(lead_ids: Sequence[int], rng: Random) -> None:
    """Give these leads another job title, as an edit would."""
    with transaction.atomic():
        Lead.objects.filter(pk__in=lead_ids).update(job_title=f"Director of area {rng.randint(1, 3000)}")
        touch_revisions(list(lead_ids))


@dataclass
class Rescores:
    """All that a worker does, from the arrays of the open and the closed leads it has in memory on; no column is kept from before.

    - `rescore_all`: every stored score is another one. Reading what changed, evaluating, comparing with the reference, filling,
      indexing and exchanging the table, and looking at who was left out, until every reader sees the new scores. What follows is
      `rescore_history`: the history of what moved, a row a lead, and the days on which leads are due again.
    - `rescore_in_place`: the same by changing rows, with the history, for a role that may not make tables.
    - `rescore_1pct`: 1 % of the stored scores are other ones. All are read and compared, those that differ written with history.
    - `rescore_facts_1pct`: 1 % of the leads have other facts, and many of them newly qualify: with their qualifications and stages.
    """

    rng: Random
    ids: Sequence[int]
    some: list[int] = field(default_factory=list)
    read: Reading | None = None
    moved: int = 0

    def probes(self) -> list[Probe]:
        """Ready to be timed, where every lead was looked at under the version in force. To be run in this order."""
        check(LeadScore.objects.count() == len(self.ids), "not every lead has a score")
        self._settle()
        exchange_if_most_differ()  # so that the closed leads are in memory
        return [
            Probe("rescore_all", self._all, self._shift, after=self._check_all),
            Probe("rescore_history", self._history, after=self._check_history),
            Probe("rescore_in_place", self._in_place, self._shift, after=self._check),
            Probe("rescore_1pct", self._differing, self._shift_some, after=self._check),
            Probe("rescore_facts_1pct", self._some, self._change, after=self._settle),
        ]

    def _settle(self) -> None:
        """As the worker has it: nobody waits, and no column is kept that another day would not have."""
        while score_dirty():
            pass
        column_cache().keep_only(set())

    def _shift(self) -> None:
        self._make_wrong(1)

    def _shift_some(self) -> None:
        self._make_wrong(100)

    def _make_wrong(self, one_of: int) -> None:
        self._settle()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE scoring_leadscore SET fit = fit + %s WHERE lead_id %% %s = %s",
                [WRONG, one_of, self.rng.randrange(one_of)],
            )
            cursor.execute("VACUUM scoring_leadscore")

    def _all(self) -> None:
        self.read = exchange_if_most_differ()

    def _check_all(self) -> None:
        check(self.read is not None, "the table was not exchanged")
        self._check()
        self.moved = ScoreChange.objects.count()

    def _history(self) -> None:
        assert self.read is not None
        follow_up(self.read)

    def _check_history(self) -> None:
        check(ScoreChange.objects.count() - self.moved == len(self.ids), "the history does not hold every score that moved")

    def _in_place(self) -> None:
        for _ in rescore_by_columns(self.ids):
            pass

    def _differing(self) -> None:
        for _ in rescore_what_differs():
            pass

    def _check(self) -> None:
        check(LeadScore.objects.count() == len(self.ids), "a score was lost")
        check(not LeadScore.objects.filter(fit__gte=WRONG // 2).exists(), "a score was left as it was")

    def _change(self) -> None:
        self._settle()
        self.some = sorted(self.rng.sample(list(self.ids), max(1, len(self.ids) // 100)))
        change(self.some, self.rng)

    def _some(self) -> None:
        for _ in rescore_by_columns(self.some):
            pass


def activate(before: ModelVersion, content: dict[str, object], ids: Sequence[int]) -> tuple[Probe, Probe]:
    """Put another version into force, once: `activation` is the time from when it was asked for, signed, to the moment in which it
    is in force, and `activation_swap` the transaction of that moment, in which nobody else scores.
    """
    version = create_draft(before.model, actor=None, start="empty")
    write_content(version, content)
    asked = activate_version(version, actor=None, rev=version.rev, reason="To be measured.", wave=Activation.Wave.NONE)
    assert asked.job is not None
    job = hold(asked.job)
    names = [name for name, _ in ActivationWork.phases]
    begun: list[tuple[str, float]] = []

    def beat() -> None:
        name = names[int(job.payload.get("phase", 0))]
        begun.append((name, perf_counter()))

    start = perf_counter()
    work_on(job, beat=beat, give_way=False)
    asked.refresh_from_db()
    check(asked.step == Activation.Step.SETTLING, "the version did not come into force")
    check(LeadScore.objects.filter(version=version).count() == len(ids), "a lead has no score by the new version")
    in_force = next(at for name, at in begun if name == "hand_over")
    swap = max(at for name, at in begun if name == "swap" and at <= in_force)
    whole, moment = Probe("activation", lambda: None), Probe("activation_swap", lambda: None)
    whole.seconds.append(in_force - start)
    moment.seconds.append(in_force - swap)
    return whole, moment
