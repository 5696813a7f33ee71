"""A version's way into force, as a job: its scores are made aside, checked, kept up to date, and change places in one moment.

Until that moment the version in force stays as it is; a kill at any step leaves it so, and the job goes on with that step.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from leads.errors import AccordError, Conflict
from leads.jobs import hold, work_on
from leads.models import Job, User
from scoring import filling, partitions, swap_history
from scoring.actions.activating import activate_version, put_into_force
from scoring.actions.signing import ON_ITS_WAY, lock_model
from scoring.entering import spread, unseen
from scoring.filling import MOST_ROUNDS, Filling, keep_scoring_out
from scoring.looking import score_now
from scoring.models import Activation, ModelVersion

Status, Step = ModelVersion.Status, Activation.Step


class ActivationWork(Filling):
    """Fills and puts the version into force in one transaction of a few statements; then who enters is looked at, the best first.

    What changed since is looked at in that transaction when it is little; when it is much, the phases before come again. All
    that follows is done as well by whoever looks at those leads for another reason.
    """

    phases = (
        ("before", "Handing over who qualified before"),
        *Filling.phases,
        ("swap", "Putting it into force"),
        ("hand_over", "Handing over who newly qualifies"),
    )

    def begin(self) -> None:
        super().begin()
        self._unseen: list[int] | None = None

    def _check(self) -> None:
        if self.phases[int(self.job.payload.get("phase", 0))][0] != "hand_over":
            super()._check()

    def _before(self) -> bool:
        """Who entered with the version in force is told from the one it replaced, so they come before it is replaced itself."""
        rows = Activation.objects.filter(step=Step.SETTLING, version__model_id=self.version.model_id)
        return all(self._looked_at(activation) for activation in rows)

    def _swap(self) -> bool:
        lock_model(self.version)
        keep_scoring_out()
        self._note(place=[0, 0], found=0)
        while self._changed(filling.BATCH) == filling.BATCH:
            if self._may_wait():
                return self._again("catch_up")
        put_into_force(self.job.payload["activation"], generation=self.job.payload["generation"])
        return True

    def _hand_over(self) -> bool:
        return self._looked_at(Activation.objects.get(pk=self.job.payload["activation"]))

    def _looked_at(self, activation: Activation) -> bool:
        """Look at a thousand of those who entered; answers whether all are done."""
        if self._unseen is None:
            self._unseen = unseen(activation)
        some, self._unseen = self._unseen[: filling.BATCH], self._unseen[filling.BATCH :]
        score_now(some)
        if self._unseen:
            return False
        self._unseen = None
        spread(activation)
        return True

    def _may_wait(self) -> bool:
        """Not for ever: where writers never pause, the moment takes as long as it takes."""
        return int(self.job.payload.get("rounds", 0)) < MOST_ROUNDS

    def _again(self, phase: str) -> bool:
        """Too much for the moment: leave the locks to others and go on from an earlier phase."""
        self._note(rounds=int(self.job.payload.get("rounds", 0)) + 1, found_before=None)
        self._go_to([name for name, _ in self.phases].index(phase))
        return False

    def stopped(self) -> None:
        self._close(Step.CANCELLED)

    def failed(self, error: AccordError) -> None:
        self._close(Step.FAILED)

    def resumed(self) -> None:
        self.job.payload = {**self.job.payload, "phase": 0, "rounds": 0, "found_before": None, "place": None, "cursor": 0}
        self.job.save(update_fields=("payload",))
        if not Activation.objects.filter(pk=self.job.payload["activation"], step=Step.FAILED).update(step=Step.PREPARING):
            raise Conflict("It was called off.", code="called_off")

    def _close(self, step: int) -> None:
        Activation.objects.filter(pk=self.job.payload["activation"], step=Step.PREPARING).update(step=step)
        ModelVersion.objects.filter(pk=self.job.payload["version"], trial_since=None).update(kept_since=None)


def activate_here(version: ModelVersion, *, actor: User | None, reason: str, wave: str = Activation.Wave.NOW) -> Activation:
    """Put a version into force and wait for it: this process does the worker's part. For demonstrations and measurements.

    Raises what `activate_version` does, AccordError when the job ends otherwise.
    """
    activation = activate_version(version, actor=actor, rev=version.rev, reason=reason, wave=wave)
    assert activation.job is not None
    job = hold(activation.job)
    work_on(job, give_way=False)
    job.refresh_from_db()
    if job.state != Job.State.DONE:
        raise AccordError(job.error or "It was stopped.", code="not_done")
    for row in (activation, version):
        row.refresh_from_db()
    return activation


def drop_old_scores(now: datetime) -> int:
    """Forget the scores of versions that are out of force for a week, or were taken back; answers how many had tables."""
    swap_history.write_all()
    kept = set(Activation.objects.filter(at__gt=now - timedelta(days=7)).values_list("from_version_id", flat=True))
    busy = set(Activation.objects.filter(step__in=ON_ITS_WAY).values_list("version_id", flat=True))
    own = partitions.own_tables()
    gone = ModelVersion.objects.filter(status__in=(Status.RETIRED, Status.WITHDRAWN)).exclude(pk__in=kept | busy)
    wanted = [pk for pk in gone.values_list("pk", flat=True) if pk in own]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '2s', true)")
        return partitions.drop(wanted)
