"""What came in, what a lead did and who changed what: the database lets rows be added and taken away, never rewritten."""

import pytest
from django.db import IntegrityError, connection, transaction

from leads.models import Activity, LeadEvent, Submission
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db
TABLES = (Activity, Submission, LeadEvent)


@pytest.fixture
def rows(make):
    lead = make.lead()
    make.activity(lead)
    Submission.objects.create(channel="api", kind="lead", lead=lead, received_at=LONG_AGO, raw={"a": 1}, status="refused")
    LeadEvent.objects.create(lead=lead, kind="updated", at=LONG_AGO, changes={"lead.country": ["", "DE"]})
    return lead


def columns():
    return [(model, field.column) for model in TABLES for field in model._meta.concrete_fields]


@pytest.mark.parametrize(("model", "column"), columns(), ids=lambda value: getattr(value, "__name__", value))
def test_no_column_is_rewritten(rows, model, column):
    table, name = (connection.ops.quote_name(word) for word in (model._meta.db_table, column))
    with pytest.raises(IntegrityError, match="append only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {name} = {name}")


@pytest.mark.parametrize("model", TABLES)
def test_rows_are_taken_away_with_what_they_belong_to(rows, model):
    rows.delete()
    assert not model.objects.exists()
