"""Matching on a thousand generated people with typing errors and a label that says who is who."""

import csv
import os
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from leads.intake.batch import take_in
from leads.models import Lead, Submission
from tests.conftest import MONDAY
from tests.intake.incoming import person

DATA = Path(os.environ.get("ACCORD_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data")
FILE = DATA / "dedupe" / "fake_1000_people.csv"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not FILE.exists(), reason="the people file is not here: set ACCORD_DATA_DIR to the folder that holds dedupe/"
    ),
]


def rows():
    with FILE.open(newline="", encoding="ascii") as file:
        return list(csv.DictReader(file))


def pairs_of(groups):
    return {pair for group in groups.values() for pair in combinations(sorted(group), 2)}


def test_equal_addresses_find_exactly_the_pairs_they_can_and_no_false_one():
    people = [row for row in rows() if row["email"]]
    items = [person(row["email"], lead__first_name=row["first_name"], lead__last_name=row["surname"]) for row in people]
    answers = take_in(items, actor=None, channel="import", at=MONDAY)
    by_lead, by_cluster = defaultdict(list), defaultdict(list)
    for row, taken in zip(people, answers, strict=True):
        assert taken.status != "refused", (row, taken)
        by_lead[taken.lead_id].append(int(row["unique_id"]))
    for row in rows():
        by_cluster[row["cluster"]].append(int(row["unique_id"]))
    found, true = pairs_of(by_lead), pairs_of(by_cluster)
    assert (len(true), len(found), len(found - true)) == (2975, 1603, 0)


def test_an_id_of_another_system_joins_what_addresses_cannot():
    answers = take_in(
        [person(row["email"], external={"mdm": row["cluster"]}, lead__last_name=row["surname"]) for row in rows()],
        actor=None,
        channel="import",
        at=MONDAY,
    )
    clusters = defaultdict(set)
    for row, taken in zip(rows(), answers, strict=True):
        clusters[row["cluster"]].add(taken.lead_id)
    assert Counter(map(len, clusters.values())) == {1: 181}
    assert Lead.objects.count() == 181


def test_the_file_twice_changes_nothing_the_second_time():
    items = [person(row["email"], lead__first_name=row["first_name"], external={"row": row["unique_id"]}) for row in rows()]
    first = take_in(items, actor=None, channel="import", at=MONDAY)
    leads = list(Lead.objects.order_by("pk").values("pk", "email_key", "contactable"))
    second = take_in(items, actor=None, channel="import", at=MONDAY)
    assert Counter(taken.status for taken in second)["created"] == 0
    assert [taken.lead_id for taken in first] == [taken.lead_id for taken in second]
    assert list(Lead.objects.order_by("pk").values("pk", "email_key", "contactable")) == leads
    assert Submission.objects.count() == 2000
