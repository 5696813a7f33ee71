"""Making a proposed version's scores aside: from columns, checked by the reference, and kept up to date from then on.

A trial goes no further: the scores are kept up to date and nothing else happens.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection

from leads import clock
from leads.errors import AccordError, Conflict
from leads.jobs import Work
from scoring import partitions, store
from scoring.compiler import Live, stored_spec
from scoring.locks import SCORER, VERSIONS, lock
from scoring.looking import rescore_some
from scoring.models import ModelVersion
from scoring.questions import ask
from scoring.reference_scores import judged, score_again
from scoring.snapshot.mark import Mark
from scoring.waiting import changed_since

Status = ModelVersion.Status
BATCH = 1000
COMPARED = 1000
FEW = 100  # leads changed in a round of catching up, from which on the moment may come
MOST_ROUNDS = 20
ATTACH_TRIES = 4
_REST = """
SELECT l.id FROM leads_lead l WHERE l.id > %s AND NOT EXISTS
    (SELECT FROM scoring_leadscore s WHERE s.version_id = %s AND s.lead_id = l.id) ORDER BY l.id LIMIT %s
"""


class Filling(Work):
    """Makes a proposed version's scores and keeps them up to date from then on. `phases` in their order; each repeats until done."""

    phases: "tuple[tuple[str, str], ...]" = (
        ("fill", "Scoring every lead"),
        ("compare", "Checking against the reference"),
        ("attach", "Storing the scores"),
        ("rest", "Scoring the other leads"),
        ("keep", "Keeping up with changes"),
        ("catch_up", "Keeping up with changes"),
    )

    def begin(self) -> None:
        self.version = ModelVersion.objects.select_related("model").get(pk=self.job.payload["version"])
        self.live = Live(
            self.version.pk, self.version.model_id, self.version.no, stored_spec(self.version.pk, self.version.spec_hash), True
        )
        self.job.total = len(self.phases)
        self._known: Any = None  # of whom the columns spoke

    def step(self) -> bool:
        self._check()
        place = int(self.job.payload.get("phase", 0))
        name, words = self.phases[place]
        doing: Callable[[], bool] = getattr(self, f"_{name}")
        if doing():
            self._go_to(place + 1)
        place = int(self.job.payload.get("phase", 0))
        self.job.position = place
        self.job.progress_text = words if place == len(self.phases) else self.phases[place][1]
        return place < len(self.phases)

    def _check(self) -> None:
        """What was agreed is still what is proposed."""
        rows = ModelVersion.objects.filter(pk=self.version.pk, status=Status.PROPOSED, spec_hash=self.live.spec.hash)
        if not rows.exists():
            raise AccordError(f"{self.version.label} was taken back.", code="taken_back")

    def _go_to(self, phase: int) -> None:
        self._note(phase=phase, cursor=0, place=None)

    def _note(self, **more: Any) -> None:
        self.job.payload = {**self.job.payload, **more}

    # --- Phases: each answers whether it is done ---

    def _fill(self) -> bool:
        """Everybody the columns can speak of, open or closed."""
        from scoring.by_columns import read_columns  # takes numpy with it: for who works, not for every process that starts
        from scoring.columns import NotInSnapshot

        ModelVersion.objects.filter(pk=self.version.pk).update(kept_since=None)
        table = partitions.begin(self.version.pk)
        columns, filled = read_columns(), 0
        try:
            said = columns.said_by(self.live, with_due=False)
        except NotInSnapshot:  # it asks for what never enters the files: the reference does it all
            self._known = None
        else:
            self._known = columns.ids
            leads, rows, is_new = columns.ids[said.in_scope], said.rows(said.in_scope), table != partitions.PARENT
            filled = partitions.fill(table, self.version.pk, leads, rows, said.gates, is_new=is_new)
        if table != partitions.PARENT:
            partitions.finish(self.version.pk)
        as_of, generation = columns.as_of.isoformat(), columns.snapshot.number
        self._note(mark=columns.mark.text, as_of=as_of, generation=generation, table=table, filled=filled)
        return True

    def _compare(self) -> bool:
        """1,000 random ones by the reference, as of the same moment; a difference that no newer change explains ends the job."""
        table = self.job.payload["table"]
        ids = partitions.some_leads(table, self.version.pk, COMPARED)
        found = judged(self.live, ids, datetime.fromisoformat(self.job.payload["as_of"]))
        held = ask(store.scores_of(ids, [self.version.pk], table))
        wrong = [
            lead_id for lead_id in ids if (one := found.get(lead_id)) is not None and one.score != held[self.version.pk, lead_id]
        ]
        newer = self._mark.passed_among(wrong)
        wrong = [lead_id for lead_id in wrong if lead_id not in newer]
        if wrong:
            raise AccordError(
                f"The two ways of scoring differ for lead {wrong[0]} and {len(wrong) - 1} more of {len(ids)}. "
                "Nothing was put into force.",
                code="evaluators_differ",
            )
        self._note(compared=len(ids))
        return True

    def _attach(self) -> bool:
        if self.job.payload["table"] == partitions.PARENT:
            return True
        for number in range(ATTACH_TRIES):
            if partitions.attach(self.version.pk):
                return True
            time.sleep(0.3 * number)
        raise Conflict("Readers and writers of the scores left no gap to store new ones.", code="busy")

    def _rest(self) -> bool:
        """Those who came in since, and where columns could say nothing everybody: a thousand a step."""
        with connection.cursor() as cursor:
            cursor.execute(_REST, [self.job.payload.get("cursor", 0), self.version.pk, BATCH])
            rows = [row[0] for row in cursor.fetchall()]
        ids = self._unknown(rows)
        if ids:
            score_again(self.live, ids, clock.now())
        if rows:
            self._note(cursor=rows[-1])
        return len(rows) < BATCH

    def _unknown(self, lead_ids: list[int]) -> list[int]:
        """Of leads without a score those of whom the columns did not speak: the others are out of scope. All, in another process
        than the one that filled.
        """
        if self._known is None or not lead_ids:
            return lead_ids
        import numpy as np

        found: list[int] = np.setdiff1d(lead_ids, self._known).tolist()
        return found

    def _keep(self) -> bool:
        """From here on whatever changes is scored by this version, too."""
        keep_scoring_out()
        if not ModelVersion.objects.filter(pk=self.version.pk, status=Status.PROPOSED).update(kept_since=clock.now()):
            raise AccordError(f"{self.version.label} was taken back.", code="taken_back")
        return True

    @property
    def _mark(self) -> Mark:
        """What was committed then is in what is filled."""
        return Mark(self.job.payload["mark"])

    def _catch_up(self) -> bool:
        """Who changed since the facts were read, round by round, until hardly anybody is left or a round finds no fewer."""
        payload = self.job.payload
        if payload.get("place") is None:
            self._note(next_mark=Mark.now().text, place=[0, 0], found=0)
        done = self._changed(BATCH)
        if done == BATCH:
            return False
        rounds = int(payload.get("rounds", 0)) + 1
        found = int(self.job.payload["found"])
        before = payload.get("found_before")
        self._note(mark=self.job.payload["next_mark"], place=None, rounds=rounds, found_before=found)
        return found < FEW or rounds >= MOST_ROUNDS or (before is not None and found >= before)

    def _changed(self, limit: int) -> int:
        txid, lead_id = self.job.payload["place"]
        rows = changed_since(self._mark, (txid, lead_id), limit)
        if rows:
            score_again(self.live, [row[0] for row in rows], clock.now())
            self._note(place=[rows[-1][1], rows[-1][0]], found=int(self.job.payload["found"]) + len(rows))
        return len(rows)


def keep_scoring_out() -> None:
    """Nobody scores until the transaction ends: who did so by the versions of before has committed, who comes reads them anew."""
    lock(SCORER)
    lock(VERSIONS)


class TrialWork(Filling):
    """Fills, then looks once at every lead, so that each knows the day on which this version may judge it otherwise."""

    def _check(self) -> None:
        super()._check()
        if not ModelVersion.objects.filter(pk=self.version.pk, trial_since__isnull=False).exists():
            raise AccordError(f"The trial of {self.version.label} is over.", code="trial_over")

    phases = (*Filling.phases, ("settle", "Noting when scores move by themselves"))

    def _settle(self) -> bool:
        after = int(self.job.payload.get("cursor", 0))
        ids = rescore_some(after, BATCH)
        if ids:
            self._note(cursor=ids[-1])
        return len(ids) < BATCH
