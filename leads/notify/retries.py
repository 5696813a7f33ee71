"""When a message is tried again, and how long a destination rests: the ladders of each channel."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from leads.models import Outbox

if TYPE_CHECKING:
    from datetime import datetime

    from leads.notify.undelivered import Undelivered

FAILS_TO_PAUSE = 5
MINUTE, HOUR = 60, 3600
MAIL_TRIES = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)  # then hourly
WORK_TRIES = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
WEBHOOK_TRIES = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
PAUSES = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
MAIL_LIFE = timedelta(hours=24)
WEBHOOK_LIFE = timedelta(hours=96)  # longer than an endpoint may stay silent
LONGEST_RETRY_AFTER = timedelta(hours=1)
JITTER = 0.2


def next_try(row: Outbox, failure: Undelivered, at: datetime) -> timedelta | None:
    """How long a failed row waits before its next attempt; None when it is given up."""
    if failure.final:
        return None
    life = WEBHOOK_LIFE if row.channel == Outbox.Channel.WEBHOOK else MAIL_LIFE
    if failure.lane:
        return timedelta(seconds=1) if at < row.due_at + life else None
    if row.channel == Outbox.Channel.WEBHOOK:
        return _webhook_try(row.attempts, failure.retry_after)
    if row.channel == Outbox.Channel.WORK:
        return timedelta(seconds=WORK_TRIES[row.attempts - 1]) if row.attempts <= len(WORK_TRIES) else None
    wait = timedelta(seconds=MAIL_TRIES[min(row.attempts, len(MAIL_TRIES)) - 1])
    return wait if at + wait < row.due_at + life else None


def _webhook_try(attempts: int, retry_after: timedelta | None) -> timedelta | None:
    """The ladder, each step 20 % longer or shorter by chance so that many do not come at once; never before Retry-After."""
    if attempts > len(WEBHOOK_TRIES):
        return None
    wait = timedelta(seconds=WEBHOOK_TRIES[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
    return max(wait, retry_after or wait)


def lane_pause(fails: int, *, at_once: bool) -> timedelta | None:
    """How long a destination rests after this many failures in a row; `at_once` when it cannot be reached at all."""
    over = fails - (1 if at_once else FAILS_TO_PAUSE)
    return timedelta(seconds=PAUSES[min(over, len(PAUSES) - 1)]) if over >= 0 else None
