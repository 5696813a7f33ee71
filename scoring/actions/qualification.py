"""What happens to a qualification after it was made: released to sales, taken up and closed by the hand-off."""

from collections.abc import Collection, Iterable
from datetime import datetime

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict
from leads.models import User
from scoring.models import Qualification


def take_up_qualifications(qualifications: Collection[Qualification], *, at: datetime | None = None) -> None:
    """Note that sales took up these open qualifications, so that none is pulled twice. Raises Conflict when one no longer waits."""
    taken_at = at or clock.now()
    waiting = Qualification.objects.filter(pk__in=[one.pk for one in qualifications], closed_at=None, taken_at=None)
    if waiting.update(taken_at=taken_at) != len(qualifications):
        raise Conflict("Some of these qualifications were taken up or closed already.")
    for one in qualifications:
        one.taken_at = taken_at


def close_qualification(qualification: Qualification, *, as_: str, at: datetime | None = None) -> Qualification:
    """Close an open qualification as answered, joined, guarded or withdrawn. Raises Conflict when it is closed already."""
    closed_as, closed_at = Qualification.ClosedAs(as_), at or clock.now()
    won = Qualification.objects.filter(pk=qualification.pk, closed_at=None).update(closed_at=closed_at, closed_as=closed_as)
    if won != 1:
        raise Conflict("This qualification is closed already.")
    qualification.closed_at, qualification.closed_as = closed_at, closed_as
    return qualification


def reopen_qualification(qualification: Qualification) -> Qualification:
    """Take a close back; where the lead has qualified anew meanwhile it stays closed."""
    others = Qualification.objects.filter(
        lead_id=qualification.lead_id, model_id=qualification.model_id, kind=qualification.kind, closed_at=None
    )
    if not others.exists():
        Qualification.objects.filter(pk=qualification.pk).update(closed_at=None, closed_as=None)
        qualification.closed_at, qualification.closed_as = None, None
    return qualification


def release_qualifications(ids: Iterable[int], *, actor: User | None, at: datetime | None = None) -> int:
    """Let sales have open qualifications that were kept back; answers how many were."""
    demand(actor, "scoring.activate_version", "leads.import_leads", to="hand leads over")
    return Qualification.objects.filter(pk__in=list(ids), closed_at=None, release_at=None).update(release_at=at or clock.now())
