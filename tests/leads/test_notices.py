"""A change is told to everyone concerned, each acknowledges it, and who has not is visible."""

from datetime import timedelta

import pytest
from django.urls import reverse

from leads import clock
from leads.errors import Conflict, NotAllowed, NotFound
from leads.notify import bell, notices

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(cast):
    return notices.tell(
        [cast.rep, cast.marketer, cast.head_of_sales],
        kind="test",
        subject_id=1,
        title="The criteria changed",
        lines=["Size counts more.", "Content counts less."],
        by=cast.head_of_sales,
    )


def test_everybody_told_hears_of_it_but_who_made_it(cast, notice):
    assert [bell.unread(user) for user in (cast.rep, cast.marketer, cast.head_of_sales)] == [1, 1, 0]
    (line,) = bell.latest(cast.rep)
    assert (line.title, line.url) == ("The criteria changed", f"/notices/{notice.pk}/")
    told = notices.told("test", 1)
    assert (told.everyone, told.acknowledged) == (3, 1)
    assert list(told.missing) == [cast.marketer, cast.rep]
    assert notices.told("test", 2) is None


def test_it_is_acknowledged_once_and_by_who_was_told(cast, notice):
    notices.acknowledge(notice, actor=cast.rep)
    assert bell.unread(cast.rep) == 0
    assert notices.pending(cast.rep) == []
    assert list(notices.told("test", 1).missing) == [cast.marketer]
    with pytest.raises(Conflict):
        notices.acknowledge(notice, actor=cast.rep)
    with pytest.raises(NotFound):
        notices.acknowledge(notice, actor=cast.other_rep)


def test_who_has_not_is_reminded_once_a_day_by_those_who_may(cast, notice, freeze):
    hands = freeze(clock.now() + timedelta(hours=1))
    with pytest.raises(NotAllowed):
        notices.remind(notice, actor=cast.rep)
    notices.acknowledge(notice, actor=cast.rep)
    assert notices.remind(notice, actor=cast.head_of_sales) == 1
    assert bell.unread(cast.marketer) == 2
    assert notices.remind(notice, actor=cast.head_of_sales) == 0
    hands.advance(timedelta(days=1))
    assert notices.remind(notice, actor=cast.head_of_sales) == 1


def test_who_left_the_company_is_not_waited_for(cast, notice):
    cast.marketer.is_active = False
    cast.marketer.save()
    assert (notices.told("test", 1).everyone, list(notices.told("test", 1).missing)) == (2, [cast.rep])


def test_the_page_is_read_acknowledged_and_shows_who_is_missing(cast, client_of, notice):
    url = reverse("admin:notice-detail", args=[notice.pk])
    marketer = client_of(cast.marketer)
    assert "Read and acknowledge" in marketer.get(reverse("admin:home")).content.decode()
    page = marketer.get(url).content.decode()
    assert "Content counts less." in page
    assert "Remind" not in page
    done = marketer.post(reverse("admin:notice-acknowledge", args=[notice.pk]), follow=True).content.decode()
    assert "you have read" in done
    assert "Read and acknowledge" not in done
    assert client_of(cast.other_rep).get(url).status_code == 404
    head = client_of(cast.head_of_sales)
    page = head.get(url).content.decode()
    assert "Not yet: Rita Rep" in page
    assert "1 person reminded" in head.post(reverse("admin:notice-remind", args=[notice.pk]), follow=True).content.decode()


def test_several_are_acknowledged_one_after_the_other(cast, client_of, notice):
    second = notices.tell([cast.rep], kind="test", subject_id=2, title="And again", lines=["More."])
    answer = client_of(cast.rep).post(reverse("admin:notice-acknowledge", args=[second.pk]))
    assert answer.headers["Location"] == reverse("admin:notice-detail", args=[notice.pk])
