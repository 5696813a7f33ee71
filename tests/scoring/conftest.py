from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from leads import jobs
from leads.models import Activity, Job, Lead
from leads.revisions import touch_revisions
from scoring.actions.criteria import add_criterion
from scoring.actions.versions import create_draft, create_model
from scoring.activation import activate_here
from scoring.models import LeadScore, ModelVersion, Qualification, ScoringModel
from scoring.signoff import NOBODY
from tests.builders import Builders
from tests.scoring.drafts import SIZE
from tests.scoring.samples import TOTAL, a_tally, a_test


@pytest.fixture
def browser(cast: Any, client_of: Callable[..., Client]) -> Client:
    """Marketing's."""
    return client_of(cast.marketer)


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    """One with a question about the company's size and one about the title."""
    draft = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    add_criterion(draft, a_test("title", 5, label="Title"), actor=cast.marketer, rev=2)
    return draft


@pytest.fixture
def agree(db: None) -> Callable[..., ModelVersion]:
    """`agree(criterion, ..., gates=[...], decision={...})`: a version of these parts in force, replacing the last one."""

    def put_into_force(*criteria: dict[str, Any], name: str = "Main", wave: str = "now", **parts: Any) -> ModelVersion:
        from scoring.actions.versions import write_content

        model = ScoringModel.objects.filter(name=name).first()
        version = (
            create_draft(model, actor=None, start="empty")
            if model
            else create_model(name, actor=None, start="empty", signers=NOBODY)
        )
        write_content(version, {"decision": TOTAL, "criteria": list(criteria)} | parts)
        activate_here(version, actor=None, reason="Agreed", wave=wave)
        return version

    return put_into_force


@pytest.fixture
def did(make: Builders) -> Callable[..., Activity]:
    """`did(lead, kind, at)`: a new activity as the verbs leave it, with the lead's revision raised."""

    def happened(lead: Lead, kind: str, at: Any, **fields: Any) -> Activity:
        activity = make.activity(lead, kind, at, **fields)
        touch_revisions([lead.pk])
        return activity

    return happened


def steps(job: Job, until: str) -> Job:
    """Work a job in this process up to the phase, which is still to be done."""
    held = jobs.hold(job)
    work = jobs.works[held.kind](held)
    work.begin()
    while work.phases[int(held.payload.get("phase", 0))][0] != until:
        jobs._step(held, work)
    return held


def score_of(lead: Lead) -> tuple[int, int, int | None, int, str | None] | None:
    row = LeadScore.objects.filter(lead_id=lead.pk, version__status="active").first()
    return (row.fit, row.engagement, row.tier, row.flags, row.gate) if row else None


def qualifications_of(lead: Lead) -> list[Qualification]:
    return list(Qualification.objects.filter(lead=lead).order_by("pk"))


DEMO = a_tally("demo", 25, "demo_request", days=30)
