"""Links in a mail by which a rep answers one offer without signing in.

A link is signed, bound to one person, one hand-off and one offer of it, and ends after a week. It is used up by the answer: what
was answered, taken back or offered anew is another offer. A changed password or address, or an account switched off, revokes it.
Looking at it changes nothing, as programs that check the links of mails look at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING

from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.crypto import salted_hmac

from handoff.models import Handoff, HandoffEvent
from handoff.moves import what_happened
from handoff.states import DONE, HandoffState
from leads.models import User

if TYPE_CHECKING:
    from leads.models import Outbox

LIFE = timedelta(days=7)
SALT = "handoff.answer"
VIA = "mail"


class DeadLink(Exception):
    """A link that answers nothing any more. `kind` is foreign, expired, revoked or over; the words are for whoever clicked."""

    def __init__(self, kind: str, title: str, words: str) -> None:
        super().__init__(words)
        self.kind, self.title, self.words = kind, title, words


@dataclass(frozen=True, slots=True)
class Link:
    """A link that counts: the offer and the person it was made for."""

    handoff: Handoff
    user: User


@dataclass(frozen=True, slots=True)
class Used:
    """A link by which, or beside which, its person has answered already."""

    handoff: Handoff
    user: User
    verb: str
    at: datetime
    by_link: bool

    @property
    def words(self) -> str:
        at = timezone.localtime(self.at, self.user.zone)
        how = " by a link in a mail" if self.by_link else ""
        return f"You {DONE[self.verb]} {self.handoff.lead.name}{how} on {at:%-d %b at %H:%M} ({at.tzname()})."


def link_of(row: Outbox) -> str:
    """The path by which the recipient answers the offer that a message tells of; the same at every repeat of the message."""
    if row.recipient is None or row.handoff_id is None:
        return ""
    return path_for(row.handoff_id, row.recipient, epoch=row.epoch or 0, made_at=row.created_at)


def path_for(handoff_id: int, user: User, *, epoch: int, made_at: datetime) -> str:
    ends = int((made_at + LIFE).timestamp())
    token = Signer(salt=SALT).sign_object([handoff_id, user.pk, epoch, ends, _account(user)])
    return f"/answer/{token}/"


def opened(token: str, *, now: datetime, reader: User | None = None) -> Link | Used:
    """What a link stands for now; `DeadLink` when nothing. `reader` is whoever is signed in, if anybody is."""
    try:
        handoff_id, user_id, epoch, ends, account = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as error:
        words = "It is incomplete or was changed on the way. Open the mail again, or sign in."
        raise DeadLink("foreign", "This link is not one of ours", words) from error
    user = User.objects.filter(pk=user_id).first()
    if user is None or not user.is_active or not compare_digest(str(account), _account(user)):
        words = "The account it was made for was changed or switched off since. Sign in to answer."
        raise DeadLink("revoked", "This link no longer counts", words)
    if reader is not None and reader.pk != user.pk:
        raise DeadLink("foreign", "This link is somebody else’s", f"It was made for {user}. You are signed in as {reader}.")
    handoff = Handoff.objects.select_related("lead__company", "owner", "reason").filter(pk=handoff_id).first()
    if handoff is None:
        raise DeadLink("over", "This hand-off is gone", "The lead was erased or merged since.")
    answer = (
        HandoffEvent.objects.filter(handoff=handoff, verb__in=("accept", "reject"), actor=user).order_by("-at", "-pk").first()
    )
    if handoff.epoch == epoch and handoff.state != HandoffState.OFFERED and answer is not None:
        by_link = isinstance(answer.detail, dict) and answer.detail.get("via") == VIA
        return Used(handoff, user, answer.verb, answer.at, by_link)
    if handoff.epoch != epoch or handoff.state != HandoffState.OFFERED or handoff.owner_id != user.pk:
        raise DeadLink("over", "This offer is over", f"{what_happened(handoff)} Sign in to see what is with you now.")
    if now.timestamp() >= ends:
        days = LIFE.days
        raise DeadLink("expired", "This link has expired", f"Links in mails count for {days} days. Sign in to answer.")
    return Link(handoff, user)


def _account(user: User) -> str:
    """What changes with the password and the address, so that links made before a change are void."""
    return salted_hmac(SALT, f"{user.pk}:{user.email}:{user.password}").hexdigest()[:20]
