import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from handoff.models.policy import SlaPolicy
from handoff.states import OPEN, UNDO, HandoffState, state_words
from leads.models import Lead, Reason
from leads.querysets import team_mates
from scoring.models import Qualification

if TYPE_CHECKING:
    from leads.models import User


class HandoffQuerySet(models.QuerySet["Handoff"]):
    def visible_to(self, user: "User") -> "HandoffQuerySet":
        """All for marketing and heads, for reps what they have or answered, none for others.

        Managers see what their teams' reps have, and the queue, which is nobody's yet and theirs to hand out; without a team
        to hand it to, not the queue either.
        """
        if not user.is_active:
            return self.none()
        if user.has_perm("leads.see_all_leads"):
            return self
        if user.has_perm("leads.see_team_leads"):
            queue = models.Q(models.Exists(team_mates(user)), state=HandoffState.QUEUED)
            return self.filter(models.Q(owner=user) | models.Q(owner__in=team_mates(user)) | queue)
        if user.has_perm("handoff.answer_handoff"):
            return self.filter(owner=user)
        return self.none()

    def open(self) -> "HandoffQuerySet":
        return self.filter(state__in=OPEN)


class Handoff(models.Model):
    """One time a lead was handed to sales. `owner` is the rep it is, or was last, offered to."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="handoffs")
    qualification = models.OneToOneField(Qualification, null=True, blank=True, on_delete=models.PROTECT, related_name="handoff")
    nth = models.PositiveSmallIntegerField(default=1)
    is_mqo = models.BooleanField("MQO", default=False)
    state = models.CharField(max_length=10, choices=HandoffState.choices, default=HandoffState.QUEUED)
    version = models.PositiveIntegerField(default=1)
    epoch = models.PositiveIntegerField(default=1, help_text="Raised when an answer is taken back: older messages are void.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="handoffs", db_index=False
    )
    policy = models.ForeignKey(SlaPolicy, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    policy_why = models.CharField(max_length=200, blank=True, default="", help_text="Why this policy, in words.")
    score = models.IntegerField(default=0)
    tier = models.SmallIntegerField(null=True, blank=True)
    headline = models.CharField(max_length=200, blank=True, default="", help_text="Why, in one line.")
    queue_reason = models.CharField(max_length=200, blank=True, default="")
    routing = models.JSONField(default=dict, blank=True, help_text="Who could take it, who was skipped and why, what decided.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="The next promise due of the person who has it.")
    opened_at = models.DateTimeField()
    offered_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    contacted_at = models.DateTimeField(null=True, blank=True, help_text="The first attempt, reached or not.")
    reached_at = models.DateTimeField(null=True, blank=True, help_text="The first attempt that reached the person.")
    converted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_as = models.CharField(max_length=10, blank=True, default="")  # won, lost, withdrawn
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.TextField(blank=True, default="")
    undo_until = models.DateTimeField(null=True, blank=True)
    moves = models.PositiveSmallIntegerField(default=0, help_text="How often it was reassigned by rule.")
    attempts_made = models.PositiveSmallIntegerField(default=0)
    next_step_on = models.DateField(null=True, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)

    objects = HandoffQuerySet.as_manager()

    class Meta:
        verbose_name = "hand-off"
        ordering = ("-opened_at", "-pk")
        permissions = (
            ("answer_handoff", "Accept and reject hand-offs"),
            ("work_handoff", "Log attempts, convert, win and lose"),
            ("assign_handoff", "Reassign hand-offs"),
            ("review_handoff", "Review rejections"),
        )
        constraints = (
            models.UniqueConstraint(fields=("lead",), condition=models.Q(state__in=sorted(OPEN)), name="handoff_one_open"),
            models.CheckConstraint(condition=models.Q(state__in=HandoffState.values), name="handoff_state_known"),
            # No black hole: who has a clock has a name.
            models.CheckConstraint(
                condition=~models.Q(state__in=("offered", "accepted", "contacted", "converted")) | models.Q(owner__isnull=False),
                name="handoff_open_has_owner",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="queued") | (models.Q(owner__isnull=True) & ~models.Q(queue_reason="")),
                name="handoff_queued_says_why",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="rejected") | models.Q(reason__isnull=False), name="handoff_reject_has_reason"
            ),
        )
        indexes = (
            # The inbox: a rep's hand-offs by deadline.
            models.Index(fields=("owner", "state", "due_at"), name="handoff_inbox"),
            # Routing: what waits, oldest first.
            models.Index(fields=("opened_at", "id"), condition=models.Q(state="queued"), name="handoff_queue"),
            # Rejections, newest first.
            models.Index(
                fields=("-answered_at", "-id"), condition=models.Q(state__in=("rejected", "recycled")), name="handoff_rejections"
            ),
        )

    @property
    def standing(self) -> str:
        """The state in words."""
        return state_words(self.state, reached=self.reached_at is not None, closed_as=self.closed_as)

    @property
    def is_decided(self) -> bool:
        """Whether it ended as won or lost."""
        return self.state == HandoffState.CLOSED and self.closed_as in ("won", "lost")

    def __str__(self) -> str:
        return f"Hand-off {self.nth} of {self.lead}"


class HandoffEvent(models.Model):
    """A move of a hand-off: from, to, who, when. Append only."""

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="events")
    verb = models.CharField(max_length=20)
    source = models.CharField(max_length=10, blank=True, default="")
    target = models.CharField(max_length=10)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    act_id = models.UUIDField(default=uuid.uuid4, editable=False)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.verb} {self.at:%Y-%m-%d %H:%M}"


class Packet(models.Model):
    """What the rep is given: why, how they came, what they did, who they are. Frozen at the first offer."""

    handoff = models.OneToOneField(Handoff, primary_key=True, on_delete=models.CASCADE, related_name="packet")
    content = models.JSONField()
    missing = models.JSONField(default=list, blank=True)
    complete = models.BooleanField(default=False)
    built_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Packet of {self.handoff_id}"


class Attempt(models.Model):
    """One try to reach the person."""

    class Channel(models.TextChoices):
        CALL = "call", "Call"
        MAIL = "mail", "Mail"
        MESSAGE = "message", "Message"
        MEETING = "meeting", "Meeting"

    class Result(models.TextChoices):
        REACHED = "reached", "Reached"
        LEFT_MESSAGE = "left_message", "Left a message"
        NO_ANSWER = "no_answer", "No answer"

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="attempts")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    result = models.CharField(max_length=12, choices=Result.choices)
    note = models.CharField(max_length=500, blank=True, default="")
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.get_channel_display()}, {self.get_result_display()}"


class RejectionReview(models.Model):
    """Marketing's verdict on a rejection, beside it: one row a rejection."""

    class Verdict(models.TextChoices):
        AGREE = "agree", "Agreed"
        DISPUTE = "dispute", "Disputed"
        RECYCLE = "recycle", "Recycled"

    handoff = models.OneToOneField(Handoff, on_delete=models.CASCADE, related_name="review")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    note = models.TextField(blank=True, default="")
    return_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_note = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return self.get_verdict_display()

    @property
    def undo_until(self) -> datetime:
        """Until when whoever gave the verdict can take it back."""
        return self.at + UNDO
