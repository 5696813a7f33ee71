"""Logging an attempt to reach the person: channel and result in one choice, so two clicks in all."""

from __future__ import annotations

from handoff.models import Attempt

Channel, Result = Attempt.Channel, Attempt.Result
# Value, icon and words of each choice; nine of them, so that a digit presses each.
ATTEMPT_CHOICES = (
    (f"{Channel.CALL}:{Result.REACHED}", "phone", "Called, reached"),
    (f"{Channel.CALL}:{Result.LEFT_MESSAGE}", "phone", "Called, left a message"),
    (f"{Channel.CALL}:{Result.NO_ANSWER}", "phone", "Called, no answer"),
    (f"{Channel.MAIL}:{Result.LEFT_MESSAGE}", "mail", "Mail sent"),
    (f"{Channel.MAIL}:{Result.REACHED}", "mail", "Mail answered"),
    (f"{Channel.MESSAGE}:{Result.LEFT_MESSAGE}", "comment", "Message sent"),
    (f"{Channel.MESSAGE}:{Result.REACHED}", "comment", "Message answered"),
    (f"{Channel.MEETING}:{Result.REACHED}", "calendar", "Met"),
    (f"{Channel.MEETING}:{Result.NO_ANSWER}", "calendar", "Did not come to the meeting"),
)
