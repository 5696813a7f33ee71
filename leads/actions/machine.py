"""What an administrator may do to the portal's own work: send a message again, ask a job to stop or to go on."""

from datetime import datetime

from django.db.models import Q

from leads import clock, jobs
from leads.actions.authority import demand
from leads.errors import Conflict
from leads.models import Job, Outbox, User


def send_again(message: Outbox, *, actor: User | None, at: datetime | None = None) -> Outbox:
    """A message that could not be sent waits again under its old id, with all its attempts before it; Conflict for any other.

    A webhook that arrived is sent again, too: the other side may have lost it, and knows it by its id.
    """
    demand(actor, "leads.change_outbox", to="send messages again")
    again = Q(state=Outbox.State.DEAD) | Q(state=Outbox.State.SENT, channel=Outbox.Channel.WEBHOOK)
    hit = Outbox.objects.filter(again, pk=message.pk).update(
        state=Outbox.State.PENDING, next_attempt_at=at or clock.now(), due_at=at or clock.now(), attempts=0, crashes=0, lease=None, sent_at=None
    )  # fmt: skip
    if hit != 1:
        raise Conflict("It is not among those that could not be sent.", code="message_not_dead")
    message.refresh_from_db()
    return message


def give_up(message: Outbox, *, actor: User | None) -> Outbox:
    """Nobody is to look at a message that could not be sent any more; what became of it stays in its log."""
    demand(actor, "leads.change_outbox", to="give up messages")
    hit = Outbox.objects.filter(pk=message.pk, state=Outbox.State.DEAD).update(state=Outbox.State.DROPPED)
    if hit != 1:
        raise Conflict("It is not among those that could not be sent.", code="message_not_dead")
    message.refresh_from_db()
    return message


def stop_job(job: Job, *, actor: User | None) -> Job:
    """The job stops after the step it is in; Conflict when it has ended already."""
    demand(actor, "leads.change_job", to="stop jobs")
    return jobs.ask_stop(job)


def resume_job(job: Job, *, actor: User | None) -> Job:
    """A stopped or failed job goes on where it was; Conflict when it is neither."""
    demand(actor, "leads.change_job", to="let jobs go on")
    return jobs.resume(job)
