"""Two intakes at the same moment: real connections, the same people, nobody doubled and nobody stuck."""

import random
import threading
import time

import pytest
from django.db import connection, connections

from leads.errors import AccordError
from leads.intake.answers import Answer, answer_once
from leads.intake.batch import take_in, take_in_activities
from leads.intake.incoming import AboutLead, IncomingActivity, Who
from leads.intake.keys import create_key
from leads.models import Activity, Company, ExternalId, IdempotentAnswer, Lead, LeadRevision, Submission
from tests.conftest import MONDAY
from tests.intake.incoming import person

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Run each work in a thread with a connection of its own, all starting together; their answers or errors."""
    barrier = threading.Barrier(len(works))
    answers = [None] * len(works)

    def run(number, work):
        try:
            barrier.wait(10)
            answers[number] = work()
        except Exception as error:  # noqa: BLE001 - told to the test
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number, work)) for number, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, AccordError):
            raise answer
    return answers


def crowd(round_, count, seed):
    people = [
        person(
            f"p{n}@firma{n % 7}-{round_}.de" if n % 3 else "",
            lead__phone=f"+4930{9010000 + round_ * 100 + n}",
            lead__last_name=f"Okafor{n}",
            lead__job_title=f"Title {seed}",
            company__employees=n,
            external={"crm": f"{round_}-{n}"} if n % 2 else {},
            activities=[IncomingActivity("page_view", MONDAY, source="web", source_id=f"{round_}-{n}")],
        )
        for n in range(count)
    ]
    random.Random(seed).shuffle(people)
    return people


def test_the_same_people_twice_at_once_are_taken_in_once():
    slowest = 0.0
    for round_ in range(20):
        began = time.perf_counter()
        first, second = at_once(
            lambda round_=round_: take_in(crowd(round_, 40, 1), actor=None, channel="api", at=MONDAY),
            lambda round_=round_: take_in(crowd(round_, 40, 2), actor=None, channel="api", at=MONDAY),
        )
        slowest = max(slowest, time.perf_counter() - began)
        statuses = sorted(taken.status for taken in [*first, *second])
        assert statuses.count("created") == 40
        assert Lead.objects.count() == 40 * (round_ + 1)
    assert Company.objects.count() == 20 * 7
    assert ExternalId.objects.count() == 20 * 20
    assert Activity.objects.count() == 20 * 40
    assert LeadRevision.objects.count() == Lead.objects.count()
    assert Submission.objects.count() == 20 * 80
    assert slowest < 5


def test_updates_of_the_same_people_in_other_orders_do_not_deadlock():
    people = [f"p{n}@firma.de" for n in range(60)]
    take_in([person(email) for email in people], actor=None, channel="api", at=MONDAY)
    for round_ in range(20):
        answers = at_once(
            lambda round_=round_: take_in(
                [person(email, lead__first_name=f"A{round_}") for email in people], actor=None, channel="api", at=MONDAY
            ),
            lambda round_=round_: take_in(
                [person(email, lead__last_name=f"B{round_}") for email in reversed(people)], actor=None, channel="api", at=MONDAY
            ),
            lambda: take_in_activities(
                [AboutLead(Who(email=email), IncomingActivity("page_view", MONDAY)) for email in people],
                actor=None,
                channel="api",
            ),
        )
        assert all(isinstance(answer, list) for answer in answers)
    lead = Lead.objects.get(email="p7@firma.de")
    assert (lead.first_name, lead.last_name) == ("A19", "B19")
    assert LeadRevision.objects.get(lead=lead).rev == 61


def test_a_request_whose_idempotency_key_is_being_worked_on_is_a_conflict():
    key, _ = create_key("Website", ["leads:write"], actor=None)
    started, finish = threading.Event(), threading.Event()

    def slow():
        started.set()
        finish.wait(10)
        return Answer(201, {"n": 1})

    def second():
        started.wait(10)
        try:
            return answer_once(key.pk, "k", b"body", MONDAY, lambda: Answer(201, {"n": 2}))
        finally:
            finish.set()

    first, refused = at_once(lambda: answer_once(key.pk, "k", b"body", MONDAY, slow), second)
    assert first == Answer(201, {"n": 1})
    assert refused.code == "idempotency_in_progress"
    assert answer_once(key.pk, "k", b"body", MONDAY, slow).body == {"n": 1}
    assert IdempotentAnswer.objects.count() == 1


def test_the_loser_of_a_race_is_taken_in_again_as_an_update():
    """The winner commits between the loser's look-up and its write."""
    from leads.intake import store

    won = []
    honest = store.reserve

    def overtaken(*counts):
        if not won:
            won.append(True)
            at_once(lambda: take_in([person("ivy@firma.de", lead__first_name="Ivy")], actor=None, channel="api", at=MONDAY))
        return honest(*counts)

    store.reserve = overtaken
    try:
        (taken,) = take_in([person("ivy@firma.de", lead__last_name="Okafor")], actor=None, channel="api", at=MONDAY)
    finally:
        store.reserve = honest
    assert taken.status == "updated"
    assert Lead.objects.get().name == "Ivy Okafor"
    assert Company.objects.count() == 1
    connection.close()
