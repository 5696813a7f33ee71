"""What differs between two versions is said in words, all of it and nothing else."""

from typing import Any

import pytest
from django.urls import reverse

from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.signing import propose_version
from scoring.actions.versions import create_draft, create_model
from scoring.difference import differences
from scoring.models import ModelVersion
from scoring.wording import Wording
from tests.scoring.samples import REGISTRY, TOTAL, a_tally, a_test, clause, spec, when
from tests.scoring.test_signing import SIZE, WHY, into_force
from tests.scoring.test_signing_pages import text

PAPERS = a_tally("papers", 10, days=180, award="each", half_life=30, label="White papers")
TITLE = a_test("title", 5, label="Title")
OLD = spec(PAPERS, TITLE)


def said(*criteria: dict[str, Any], **parts: Any) -> list[str]:
    return [one.words for one in differences(OLD, spec(*criteria, **parts), Wording(REGISTRY))]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"half_life": 60}, "White papers: half-life 30 days → 60 days"),
        ({"points": 15, "cap": 40}, "White papers: points 10 → 15; cap none → 40"),
        ({"days": 90}, "White papers: window 180 days → 90 days"),
        ({"label": "Papers"}, "Papers: called White papers → Papers"),
        ({"event": {"kinds": ["webinar_attended"]}}, "White papers: what counts White paper → Webinar"),
        ({"why": "They read."}, "White papers: why none → They read."),
    ],
)
def test_an_edited_criterion_says_what_is_otherwise(change: dict[str, Any], words: str) -> None:
    assert said(PAPERS | change, TITLE) == [words]


def test_parts_that_came_and_went_are_said_whole() -> None:
    gate = {"key": "old", "label": "Retired", "when": when(clause("company.is_customer", "is", value=True))}
    found = said(
        PAPERS,
        a_test("size", 15, clause("company.employees", "between", low=100), label="Size"),
        gates=[gate],
        scope=when(clause("lead.seniority", "known")),
        dimensions={"fit": {"ceiling": 50}},
        decision=TOTAL | {"edges": [25, 40]},
    )
    assert found == [
        "Size: new (+15 points: Employees is 100 or more)",
        "Title: gone (+5 points: Job title is known)",
        "Retired: new (Is a customer is yes)",
        "Fit: at most none → 50",
        "How it decides: edges 20, 40 → 25, 40",
        "Whom it judges: judges every lead → Seniority is known",
    ]


def test_a_list_of_another_revision_differs_though_its_words_are_alike() -> None:
    def listed(rev: int) -> Any:
        return spec(
            TITLE,
            gates=[
                {"key": "m", "label": "Mail", "when": when(clause("lead.email_domain", "in_list", list="free_mail", rev=rev))}
            ],
        )

    (one,) = differences(listed(1), listed(2), Wording(REGISTRY))
    assert "revision 1" in one.words
    assert "revision 2" in one.words


def test_order_is_no_difference() -> None:
    assert said(TITLE, PAPERS) == []


@pytest.mark.django_db
def test_two_versions_are_compared_in_words_and_in_effect(cast: Any, client_of: Any, make: Any) -> None:
    first = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(first, SIZE, actor=cast.marketer, rev=1)
    large, middle = (make.lead(company=make.company(employees=number)) for number in (500, 50))
    propose_version(first, actor=cast.marketer, rev=2, reason=WHY)
    into_force(first, cast)
    second = create_draft(first.model, actor=cast.marketer)
    wider = SIZE | {"when": when(clause("company.employees", "between", low=20))}
    edit_criterion(second.criteria.get(), wider, actor=cast.marketer, rev=1)
    page = text(client_of(cast.marketer).get(reverse("admin:version-compare", args=[second.pk])))
    assert "v2 against v1" in page
    assert "Employees is 100 or more" in page
    assert "Employees is 20 or more" in page
    assert "1 enter, 0 leave" in page
    assert middle.name in page
    assert large.name not in page
    rep = text(client_of(cast.rep).get(reverse("admin:version-compare", args=[second.pk])))
    assert middle.name not in rep
    assert "A lead of others" in rep
    same = client_of(cast.marketer).get(reverse("admin:version-compare", args=[first.pk]), {"with": second.pk})
    assert "0 enter, 1 leave" in text(same)
    assert client_of(cast.marketer).get(reverse("admin:version-compare", args=[first.pk]), {"with": 0}).status_code == 404
    ModelVersion.objects.get(pk=second.pk).criteria.all().delete()
    assert "cannot be compared yet" in text(client_of(cast.marketer).get(reverse("admin:version-compare", args=[second.pk])))
