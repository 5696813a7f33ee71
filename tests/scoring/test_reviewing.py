"""The next review of a model: the usual day, another one by a head, and the agenda of who takes part."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from leads import clock
from leads.errors import Conflict, Invalid, NotAllowed
from scoring.actions.criteria import add_criterion
from scoring.actions.reviewing import set_next_review
from scoring.actions.signing import propose_version
from scoring.actions.versions import create_draft, create_model
from scoring.models import ModelVersion
from tests.scoring.test_signing import SIZE, WHY, into_force

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def active(cast: Any) -> ModelVersion:
    version = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(version, SIZE, actor=cast.marketer, rev=1)
    propose_version(version, actor=cast.marketer, rev=2, reason=WHY)
    with pytest.raises(Conflict, match="No version"):
        set_next_review(version.model, None, actor=cast.head_of_sales, seen=None)
    into_force(version, cast)
    version.model.refresh_from_db()
    return version


def successor(version: ModelVersion, cast: Any) -> ModelVersion:
    draft = create_draft(version.model, actor=cast.marketer)
    propose_version(draft, actor=cast.marketer, rev=draft.rev, reason=WHY)
    into_force(draft, cast)
    draft.model.refresh_from_db()
    return draft


def test_four_weeks_later_unless_a_head_chose_another_day(cast: Any, active: ModelVersion) -> None:
    model, today = active.model, timezone.localdate(clock.now())
    usual = today + 28 * DAY
    assert model.next_review_on == usual
    for wrong in (today - DAY, today + 900 * DAY):
        with pytest.raises(Invalid, match="lies ahead"):
            set_next_review(model, wrong, actor=cast.head_of_sales, seen=usual)
    with pytest.raises(NotAllowed):
        set_next_review(model, today, actor=cast.marketer, seen=usual)
    with clock.frozen(clock.now() + 10 * DAY):
        second = successor(active, cast)
        assert second.model.next_review_on == today + 38 * DAY  # nobody had chosen the day before
        set_next_review(model, today + 60 * DAY, actor=cast.head_of_sales, seen=today + 38 * DAY)
    with pytest.raises(Conflict, match="Somebody set another day"):
        set_next_review(model, None, actor=cast.head_of_marketing, seen=usual)
    event = second.events.filter(verb="review").get()
    assert event.actor == cast.head_of_sales
    assert event.note == f"{today + 60 * DAY:%-d %B %Y}, instead of {today + 38 * DAY:%-d %B %Y}"
    with clock.frozen(clock.now() + 20 * DAY):
        third = successor(second, cast)
        assert third.model.next_review_on == today + 60 * DAY  # a head chose it
    set_next_review(third.model, None, actor=cast.head_of_sales, seen=today + 60 * DAY)
    assert third.model.next_review_on is None


def test_the_day_is_set_from_both_pages_and_stands_on_the_agenda(cast: Any, client_of: Any, active: ModelVersion) -> None:
    head, model = client_of(cast.head_of_marketing), active.model
    post = reverse("admin:review-set", args=[model.key])
    today = timezone.localdate(clock.now())
    seen = model.next_review_on.isoformat()
    assert "On the agenda" not in text(head.get(reverse("admin:home")))
    page = text(head.post(post, {"on": (today + 3 * DAY).isoformat(), "seen": seen}, follow=True))
    assert "Next review in 3 days" in page
    assert "Set another day" in page
    draft = create_draft(model, actor=cast.marketer)
    late = head.post(post, {"on": "2101-02-03", "seen": (today + 3 * DAY).isoformat(), "draft": draft.pk})
    assert (late.status_code, "within two years" in text(late), b'value="2101-02-03"' in late.content) == (422, True, True)
    assert f"Draft {draft.label}" in late.content.decode()
    stale = head.post(post, {"on": (today + DAY).isoformat(), "seen": seen})
    assert (stale.status_code, "Somebody set another day meanwhile" in text(stale)) == (409, True)
    assert head.post(post, {"on": "soon", "seen": seen}).status_code == 422
    reader = text(client_of(cast.rep).get(reverse("admin:criteria")))
    assert "Next review in 3 days" in reader
    assert "Set another day" not in reader
    agenda = text(client_of(cast.marketer).get(reverse("admin:home")))
    assert "On the agenda Review Enterprise v1, in force since" in agenda
    assert "in 3 days" in agenda
    with clock.frozen(clock.now() + 5 * DAY):
        assert "overdue by 2 days" in text(client_of(cast.marketer).get(reverse("admin:home")))
