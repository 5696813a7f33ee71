"""Scoring very many leads again: all of them with every score another one, and 1 % of them after their facts changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from django.db import connection, transaction

from config.bench.measure import Probe, check
from leads.models import Lead
from leads.revisions import touch_revisions
from scoring.many import rescore_by_columns
from scoring.models import LeadScore


def change(lead_ids: Sequence[int], rng: Random) -> None:
    """Give these leads another job title, as an edit would."""
    with transaction.atomic():
        Lead.objects.filter(pk__in=lead_ids).update(job_title=f"Director of area {rng.randint(1, 3000)}")
        touch_revisions(list(lead_ids))


@dataclass
class Rescores:
    """Both steps with everything they write: scores, the history of what moved, qualifications, and when each is due again."""

    rng: Random
    ids: Sequence[int]
    some: list[int] = field(default_factory=list)

    def probes(self) -> list[Probe]:
        """Ready to be timed, where every lead was looked at under the version in force."""
        check(LeadScore.objects.count() == len(self.ids), "not every lead has a score")
        return [
            Probe("rescore_all", self._all, self._shift, after=self._check),
            Probe("rescore_1pct", self._some, self._change),
        ]

    def _all(self) -> None:
        for _ in rescore_by_columns(self.ids):
            pass

    def _shift(self) -> None:
        """Have every stored score be wrong by one."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE scoring_leadscore SET fit = fit + 100000")
            cursor.execute("VACUUM scoring_leadscore")

    def _check(self) -> None:
        check(not LeadScore.objects.filter(fit__gte=50_000).exists(), "a score was left as it was")

    def _change(self) -> None:
        self.some = sorted(self.rng.sample(list(self.ids), max(1, len(self.ids) // 100)))
        change(self.some, self.rng)

    def _some(self) -> None:
        for _ in rescore_by_columns(self.some):
            pass
