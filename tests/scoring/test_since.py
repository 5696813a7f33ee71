"""What came of a version beside what was signed, counted by hand on a made-up run of weeks."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from leads import clock, jobs
from leads.actions.outcome import freeze_case
from leads.models import Reason
from scoring.actions.activating import return_to
from scoring.actions.criteria import add_criterion
from scoring.actions.signing import propose_version
from scoring.actions.versions import create_draft, create_model
from scoring.models import ModelVersion, Qualification
from scoring.since import since
from scoring.slots import slots
from tests.scoring.test_signing import SIZE, WHY, into_force

pytestmark = pytest.mark.django_db
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


def url(name: str, version: ModelVersion) -> str:
    return reverse(f"admin:{name}", args=[version.pk])


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def met(version: ModelVersion, make: Any, at: datetime, *, cause: str = "event", handed: bool = True) -> Any:
    """A lead that became an MQL by `version`."""
    lead = make.lead()
    Qualification.objects.create(
        lead=lead, model=version.model, version=version, kind="mql", cause=cause, at=at, fit=65, engagement=0, lines=[],
        release_at=at if handed else None,
    )  # fmt: skip
    return lead


def decided(lead: Any, outcome: str, at: datetime, *, later: datetime | None = None, reason: Reason | None = None) -> None:
    """Answered at `at`; known as `outcome` since `later`, where that is not the answer itself."""
    freeze_case(lead, kind="decision", outcome=outcome, decided_at=at, outcome_at=later or at, reason=reason)


@pytest.fixture
def two(cast: Any, make: Any) -> tuple[ModelVersion, ModelVersion]:
    """v1 in force for six weeks, then v2, in force for the 30 days up to now, signed on a history of four decided leads."""
    small = Reason.objects.create(code="small", label="Too small")
    began = clock.now() - 72 * DAY
    with clock.frozen(began):
        first = create_model("Enterprise", actor=cast.marketer, start="empty")
        add_criterion(first, SIZE, actor=cast.marketer, rev=1)
        propose_version(first, actor=cast.marketer, rev=2, reason=WHY)
        into_force(first, cast)
    for place, outcome in enumerate(("won", "rejected", "rejected", "working")):
        lead = make.lead(company=make.company(employees=500))
        decided(lead, outcome, began + (12 + 7 * place) * DAY, reason=small if outcome == "rejected" else None)
    # By v1, four weeks before v2 and less: one a week, the second won a day before v2 came, the third only after it
    changed = clock.now() - 30 * DAY
    for place, (outcome, known) in enumerate([("rejected", 2), ("won", 26), ("won", 40)]):
        at = changed - 4 * WEEK + place * WEEK + DAY
        later = changed - 4 * WEEK + known * DAY
        decided(met(first, make, at), outcome, at + DAY, later=later, reason=small if outcome == "rejected" else None)
    with clock.frozen(changed):
        second = create_draft(first.model, actor=cast.marketer)
        propose_version(second, actor=cast.marketer, rev=second.rev, reason=WHY)
        into_force(second, cast)
    return first, second


def test_what_happened_stands_beside_what_was_signed(
    cast: Any, client_of: Any, make: Any, two: tuple[ModelVersion, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "weekly_capacity", lambda: 3)
    first, second = two
    start = clock.now() - 30 * DAY
    small, timing = Reason.objects.get(code="small"), Reason.objects.create(code="timing", label="Wrong time")
    for _ in range(2):  # the opening wave: one handed over, one not
        met(second, make, start + DAY / 24, cause="activation", handed=False)
    decided(met(second, make, start + DAY, cause="activation"), "working", start + 3 * DAY)
    for days, outcome, reason in ((1, "rejected", timing), (2, "rejected", small), (8, "rejected", timing), (9, "won", None)):
        at = start + days * DAY
        decided(met(second, make, at), outcome, at + DAY, later=start + 29 * DAY if outcome == "won" else None, reason=reason)
    met(second, make, start + 22 * DAY)  # nobody answered
    late = met(second, make, start + 28.5 * DAY)  # after the four weeks
    decided(late, "rejected", start + 29 * DAY, reason=small)
    again = Qualification.objects.filter(lead=late).get()
    Qualification.objects.filter(pk=again.pk).update(closed_at=clock.now(), closed_as="answered")
    again.pk, again.nth, again.at = None, 2, start + 29 * DAY
    again.save()  # the same lead again counts once

    found = since(second)
    assert found is not None
    assert (found.days, found.is_over, found.capacity) == (30, False, 3)
    assert found.next_mark is not None
    assert found.next_mark[0] == 8
    before, four, so_far = found.columns
    assert [one.label for one in found.columns] == ["v1, 30 days before", "After 4 weeks", "After 30 days"]
    assert (four.weeks, four.per_week, four.mqls, four.entered, four.handed) == ([2, 2, 0, 1], 1.25, 5, 4 + 3, 4 + 6)
    # The four of the history entered with v2; their answers are older, so that they count as not answered.
    assert four.ends == {"rejected": 3, "working": 2}  # the win came on the 29th day
    assert ((four.accepted.positive, four.accepted.rows), (four.won.positive, four.won.rows)) == ((2, 5), (0, 3))
    assert (four.waiting, so_far.weeks, so_far.per_week) == (4 + 1, [2, 2, 0, 1, 1], 1.25)
    assert so_far.ends == {"rejected": 4, "working": 1, "won": 1}
    assert before.ends == {"rejected": 1, "won": 1, "working": 1}
    assert [(row.label, row.counts) for row in found.reasons] == [("Wrong time", [0, 2, 2]), ("Too small", [1, 1, 2])]
    assert found.signed is not None
    assert (found.signed.accepted.positive, found.signed.accepted.rows, found.signed.won.positive) == (2, 4, 1)
    answered, signed = ((start - days * DAY).date() for days in (30, 0))  # the first answer of the history was 30 days before
    weeks = (signed.toordinal() - 1) // 7 - (answered.toordinal() - 1) // 7
    assert (found.signed.weeks, found.signed.per_week) == (weeks, 4 / weeks)

    page = text(client_of(cast.rep).get(url("criteria-version", second)))
    assert "after 30 days; 8 weeks on" in page
    assert f"MQLs a week 1.3 signed {found.signed.per_week:.1f}, reps can take 3" in page
    assert "2 of 6" in page  # small numbers are counts
    answer = client_of(cast.rep).get(url("version-since", second))
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert ["Answered", "4", "3", "5", "6"] in rows
    assert ["Rejected: Wrong time", "", "0", "2", "2"] in rows
    assert any(row[0].startswith("Week 5 from") and row[0].endswith("not over") and row[2] == "1" for row in rows)

    old = since(first)
    assert old is not None
    assert (old.is_over, old.days, old.before, [one.label for one in old.columns]) == (
        True, 42, None, ["After 4 weeks", "After 42 days", "The same leads today"]
    )  # fmt: skip
    assert old.columns[-1].ends == {"rejected": 1, "won": 2}


def test_the_first_week_and_a_version_never_in_force_have_nothing_to_tell(
    cast: Any, client_of: Any, two: tuple[ModelVersion, ModelVersion]
) -> None:
    second = two[1]
    found = since(second, second.activations.get().at + 6 * DAY)
    assert found is not None
    assert (found.days, found.columns, found.week_rows) == (6, [], [])
    with clock.frozen(found.started + 6 * DAY):
        assert "stands here beside what both sides signed" in text(client_of(cast.rep).get(url("criteria-version", second)))
        assert client_of(cast.rep).get(url("version-since", second)).status_code == 404
    assert since(create_draft(second.model, actor=cast.marketer)) is None


def test_a_return_is_measured_by_what_was_signed_of_the_same_content(two: tuple[ModelVersion, ModelVersion], cast: Any) -> None:
    first, second = two
    again = return_to(first, actor=cast.head_of_sales, reason="Too few leads.").version
    jobs.run_once()
    found = since(again, clock.now() + 8 * DAY)
    assert found is not None
    assert found.signed is not None
    assert found.signed.as_of == second.reports.get().as_of  # the latest of that content; a return is not measured anew
    assert found.before is not None
    assert found.before.label == "v2, 8 days before"
