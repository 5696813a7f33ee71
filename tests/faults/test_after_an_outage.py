"""Nothing ran for three days and 10,000 clocks fell due: each breach is kept, and nobody is buried in messages."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection

from config.bench import promises
from handoff.models import SlaEvent, SlaTimer
from handoff.sweep import sweep
from leads import clock
from leads.models import Outbox
from leads.notify.outbox import deliver

pytestmark = [pytest.mark.faults, pytest.mark.django_db]
CLOCKS = 10_000
# All of it lies in the outage: both reminders and, three days ago, the breach. What the policy does then is still ahead.
OUTAGE = """
UPDATE handoff_slatimer SET due_at = at, next_fire_at = at - interval '2 hours', plan = jsonb_build_array(
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint - 7200000000, 'remind-half'),
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint - 3600000000, 'remind-last'),
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint, 'breach'),
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint + 864000000000, 'reassign'))
FROM (SELECT id AS pk, now() - interval '3 days' + id % 1000 * interval '1 minute' AS at FROM handoff_slatimer) v WHERE id = pk
"""


def test_after_three_days_each_breach_is_kept_and_everybody_gets_one_mail(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    reps = promises.open_clocks(CLOCKS, tidy=False)
    with connection.cursor() as cursor:
        cursor.execute(OUTAGE)
    began = time.monotonic()
    while sweep():
        pass
    events = SlaEvent.objects.exclude(step="start").values_list("step", "outcome")
    assert Counter(events) == {
        ("remind-half", "skipped"): CLOCKS,
        ("remind-last", "skipped"): CLOCKS,
        ("breach", "fired"): CLOCKS,
    }
    assert SlaEvent.objects.filter(step="breach").values("timer_id").distinct().count() == CLOCKS
    assert set(Outbox.objects.values_list("kind", "payload__action")) == {("handoff.step", "breach")}
    # Mail waits for each person's hours: as one, however many it tells of.
    with clock.frozen(clock.now() + timedelta(days=3, hours=12)) as hands:
        for _ in range(24):
            hands.advance(timedelta(hours=1))
            while deliver():
                pass
    people = Counter(address for message in mail.outbox for address in message.to)
    assert people == Counter({user.email: 1 for user in reps} | {f"manager{number}@accord.example": 1 for number in range(3)})
    assert not Outbox.objects.filter(channel="mail").exclude(state="sent").exists()
    long = max(mail.outbox, key=lambda message: len(message.body))
    assert 50 < long.body.count("\n- ") <= 51
    assert "more in the portal" in long.body
    assert time.monotonic() - began < 60
    assert SlaTimer.objects.filter(fails=0, next_fire_at__gt=clock.now()).count() == CLOCKS
