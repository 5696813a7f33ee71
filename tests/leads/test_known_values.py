"""The database refuses what nobody knows: states, kinds, outcomes, a cost below nothing."""

import pytest
from django.db import IntegrityError, connection, transaction

from leads import clock
from leads.models import Campaign, Case, ImportRun, Job, Submission
from scoring.models import ModelVersion, Qualification, ScoringModel


def rows(make):
    """One good row of each table."""
    now, lead = clock.now(), make.lead()
    model = ScoringModel.objects.create(key="main", name="Main")
    version = ModelVersion.objects.create(model=model, no=1, status="draft", created_at=now)
    Case.objects.create(lead=lead, kind="decision", outcome="working", basis="decision", decided_at=now, facts={})
    Submission.objects.create(channel="api", kind="lead", received_at=now, raw={}, status="created")
    ImportRun.objects.create(file_name="leads.csv", file_size=1, created_at=now)
    Job.objects.create(kind="export", created_at=now)
    Campaign.objects.create(name="Fair", cost=100)
    Qualification.objects.create(
        lead=lead, model=model, version=version, kind="mql", cause="event", at=now, fit=1, engagement=1, lines=[]
    )


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("leads_case", "kind", "guess"),
        ("leads_case", "outcome", "maybe"),
        ("leads_case", "basis", "hearsay"),
        ("leads_submission", "status", "lost"),
        ("leads_importrun", "state", "stuck"),
        ("leads_job", "state", "stuck"),
        ("leads_campaign", "cost", -1),
        ("scoring_qualification", "kind", "mxx"),
    ],
)
def test_a_value_nobody_knows_is_refused(make, table, column, value):
    rows(make)
    with pytest.raises(IntegrityError, match="violates check constraint"), transaction.atomic():
        copy_with(table, column, value)


def copy_with(table, column, value):
    """Store the table's rows once more with one column changed; triggers on updates are not met."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {table}")
        cursor.execute(f"UPDATE copied SET id = id + 1000, {column} = %s", [value])
        cursor.execute(f"INSERT INTO {table} SELECT * FROM copied")
