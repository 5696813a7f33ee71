"""What comes out of the printer: a draft and its brief are two pages of A4, however many criteria there are."""

import re

import pytest

from scoring.actions.versions import create_model, write_content
from tests.browser.conftest import sideways, violations
from tests.scoring.samples import TOTAL, a_test, clause

LONG = [f"a rather long word for a title number {number}" for number in range(12)]


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


CUT = """() => [...document.querySelectorAll('.p-brief *')].filter((one) =>
    getComputedStyle(one).overflow !== 'visible' && one.scrollHeight > one.clientHeight + 1).map((one) => one.className)"""


def criteria(number, values):
    asked = clause("lead.job_title", "words", values=LONG[:values])
    return [a_test(f"c{n}", 5, asked, label=f"A criterion with a long name, number {n}") for n in range(number)]


@pytest.mark.slow
def test_a_draft_of_twenty_long_criteria_prints_on_two_pages_and_of_longer_ones_on_more(people, page_as, complaints):
    draft = create_model("Enterprise", actor=people.marketer, start="empty")
    write_content(draft, {"criteria": criteria(20, 6), "decision": TOTAL})
    page = page_as(people.marketer, phone=True)
    page.goto(f"/criteria/versions/{draft.pk}/brief/")
    assert violations(page, complaints) == []
    assert not sideways(page)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 2
    page.goto(f"/criteria/drafts/{draft.pk}/")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 2
    assert page.locator("#print-brief > *").count() == 0
    longer = create_model("Longer", actor=people.marketer, start="empty")
    write_content(longer, {"criteria": criteria(30, 12), "decision": TOTAL})
    page.goto(f"/criteria/versions/{longer.pk}/brief/")
    assert pages_of(page.pdf(prefer_css_page_size=True)) > 2
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == []
    told = page.locator(".p-paper-words").all_inner_texts()
    assert len(told) == 30
    assert all(f"“{word}”" in one for one in told for word in LONG)
