"""A sales team at work: policy and calendar in force, reps who take leads, and leads that qualified."""

from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from handoff.actions.opening import open_handoffs
from handoff.defaults import install_defaults
from handoff.models import Handoff, Rep
from handoff.routing import route_waiting
from leads import clock
from scoring.models import ModelVersion, Qualification, ScoringModel

# A Monday, 10:00 in Berlin, in office hours.
MONDAY = datetime(2026, 6, 8, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINES = [
    {
        "kind": "criterion", "dimension": "engagement", "key": "demo", "label": "Requested a demo", "points": 50,
        "words": "Requested a demo", "sub": "once", "group": "engagement",
    },
    {
        "kind": "criterion", "dimension": "fit", "key": "size", "label": "Company size", "points": 22,
        "words": "Company size", "sub": "Employees: 480", "group": "fit",
    },
]  # fmt: skip
_number = count(1)


class Work:
    """Builds what a hand-off needs and brings it to a state by the verbs themselves."""

    def __init__(self, make, cast):
        self.make, self.cast = make, cast
        n = next(_number)
        self.model = ScoringModel.objects.create(key=f"model{n}", name="Main model")
        self.version = ModelVersion.objects.create(model=self.model, no=1, status="draft", created_at=MONDAY)

    def rep(self, user, **fields):
        return Rep.objects.create(user=user, **fields)

    def qualification(self, lead=None, kind="mql", at=MONDAY, lines=None, **fields):
        lead = lead or self.make.lead(company=self.make.company(industry="Logistics", employees=480))
        told = {"version": self.version, "fit": 22, "engagement": 50, "tier": 2} | fields
        return Qualification.objects.create(
            lead=lead, model=self.model, kind=kind, cause=told.pop("cause", "event"), at=at, lines=LINES if lines is None else lines, release_at=at,
            **told,
        )  # fmt: skip

    def queued(self, **fields):
        qualification = self.qualification(**fields)
        open_handoffs()
        return Handoff.objects.get(qualification=qualification)

    def offered(self, **fields):
        handoff = self.queued(**fields)
        assert route_waiting() == 1
        return self.fresh(handoff)

    def fresh(self, handoff):
        return Handoff.objects.select_related("lead__company", "owner", "qualification").get(pk=handoff.pk)

    def timer(self, handoff, kind):
        return handoff.timers.filter(kind=kind).order_by("-pk").first()


@pytest.fixture
def defaults(db):
    install_defaults("Europe/Berlin")


@pytest.fixture
def hands(freeze):
    """The clock, held on Monday 10:00 in Berlin."""
    return freeze(MONDAY)


@pytest.fixture
def work(make, cast, defaults, hands):
    """One rep, Rita, takes leads; the clock is held."""
    work = Work(make, cast)
    work.rep(cast.rep)
    work.hands = hands
    return work


@pytest.fixture
def steps():
    """Names and outcomes of what a clock recorded, in order."""
    from handoff.models import SlaEvent

    def of(timer):
        return list(SlaEvent.objects.filter(timer_id=timer.pk).order_by("pk").values_list("step", "outcome"))

    return of


__all__ = ["HOUR", "MONDAY", "SimpleNamespace", "Work", "clock"]
