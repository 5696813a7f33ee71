"""What somebody types while others, or they themselves in another window, change the same part of a draft."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from scoring.actions.criteria import add_criterion
from scoring.actions.versions import create_model
from scoring.models import ModelVersion
from tests.scoring.samples import a_test, clause

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")
FORM = {
    "label": "Company size", "dimension": "fit", "points": 15, "why": "WHAT I TYPED", "when-rows": 1, "when-mode": "all",
    "when-0-field": "company.employees", "when-0-op": "between", "when-0-at_least": 100,
}  # fmt: skip


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    draft = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    add_criterion(draft, a_test("title", 5, label="Title"), actor=cast.marketer, rev=2)
    return draft


@pytest.fixture
def browser(cast: Any, client_of: Callable[..., Client]) -> Client:
    return client_of(cast.marketer)


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_older_window_of_ones_own_overwrites_nothing(browser: Client, draft: ModelVersion) -> None:
    points, form = url("criterion-points", draft.pk, "size"), url("criterion-edit", draft.pk, "size")
    answer = browser.post(points, {"rev": 3, "points": 77}, headers=HTMX)
    assert '"look": {"rev": 4}' in answer["HX-Trigger"], "the form that was saved goes on from what it made"
    late = browser.post(form, FORM | {"rev": 3}, headers=HTMX)
    assert (late.status_code, draft.criteria.get(key="size").points) == (409, 77)
    assert "You changed this meanwhile in another window." in text(late)
    row = browser.post(points, {"rev": 3, "points": 12}, headers=HTMX)
    assert (row.status_code, "You set this to 77" in text(row)) == (409, True)
    assert browser.post(points, {"rev": 4, "points": 12}, headers=HTMX).status_code == 200
