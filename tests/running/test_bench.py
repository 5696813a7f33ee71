"""`manage.py bench`: what its checks find."""

from __future__ import annotations

import pytest

from config.bench import intake
from config.bench.measure import CheckFailed, Probe, interleave


def test_a_probe_is_prepared_and_checked_outside_the_clock():
    log = []
    probe = Probe("step", lambda: log.append("run"), lambda: log.append("before"), after=lambda: log.append("after"))
    interleave([probe], 2)
    assert log == ["before", "run", "after"] * 2
    assert len(probe.seconds) == 2


def test_a_copy_that_wrote_nothing_or_too_much_is_found():
    posted = {"leads_lead": 2000, "leads_company": 900}
    intake.check_copied(posted, dict(posted))
    for copied in ({"leads_lead": 1000, "leads_company": 900}, {"leads_lead": 2000, "leads_company": 901}):
        with pytest.raises(CheckFailed, match="COPY"):
            intake.check_copied(posted, copied)
