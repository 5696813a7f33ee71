"""What comes out of the printer: a draft and its brief are two pages of A4, however many criteria there are."""

import re

import pytest

from scoring.actions.versions import create_model, write_content
from tests.browser.conftest import sideways, violations
from tests.scoring.samples import TOTAL, a_test, clause

LONG = [f"a rather long word for a title number {number}" for number in range(12)]


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.slow
def test_a_draft_of_many_long_criteria_prints_on_two_pages(people, page_as, complaints):
    draft = create_model("Enterprise", actor=people.marketer, start="empty")
    many = [
        a_test(
            f"c{number}",
            5,
            clause("lead.job_title", "words", values=LONG),
            label=f"A criterion with a long name, number {number}",
        )
        for number in range(30)
    ]
    write_content(draft, {"criteria": many, "decision": TOTAL})
    page = page_as(people.marketer, phone=True)
    page.goto(f"/criteria/versions/{draft.pk}/brief/")
    assert violations(page, complaints) == []
    assert not sideways(page)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 2
    page.goto(f"/criteria/drafts/{draft.pk}/")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 2
    assert page.locator("#print-brief > *").count() == 0
