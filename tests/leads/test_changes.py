"""Changes in words: labels for keys, words for values, names for people, also where something is no longer known."""

from datetime import timedelta

import pytest

from leads.changes import changes_of, label_of, words_of
from leads.models import LeadEvent, LeadField
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db


def change(lead, changes, actor=None, kind="updated", at=LONG_AGO):
    return LeadEvent.objects.create(lead=lead, kind=kind, at=at, changes=changes, actor=actor)


def test_facts_are_told_by_label_with_old_and_new(make, cast):
    lead = make.lead()
    field = LeadField.objects.create(key="plan", label="Plan", type="text")
    change(
        lead,
        {"lead.seniority": ["manager", "c_level"], "custom.plan": [None, "Team"], "company.is_customer": [False, True]},
        cast.marketer,
    )
    (act,) = changes_of(lead, [field]).acts
    told = {fact.label: (fact.old, fact.new) for fact in act.facts}
    assert told == {"Seniority": ("Manager", "C level"), "Plan": ("–", "Team"), "Is a customer": ("no", "yes")}
    assert act.by == "Maya Marketer"


def test_owners_are_named_and_the_portal_signs_as_itself(make, cast):
    lead = make.lead()
    change(lead, {"lead.owner": [cast.rep.pk, None]}, kind="owner")
    (act,) = changes_of(lead, []).acts
    assert (act.by, act.facts[0].old, act.facts[0].new) == ("Accord", "Rita Rep", "–")


def test_what_is_no_longer_known_is_still_told():
    assert label_of("custom.old_field") == "Old field"
    assert label_of("strange") == "strange"
    assert words_of("lead.owner", 4711, {}) == "somebody"
    assert words_of("lead.stage", "gone") == "gone"
    assert words_of("custom.tools", ["a", "b"]) == "a, b"


def test_changes_come_in_pages_and_notes_are_none(make):
    lead = make.lead()
    for number in range(25):
        change(lead, {"lead.country": ["", str(number)]}, at=LONG_AGO + timedelta(hours=number // 3))
    change(lead, {"note": [None, 1]}, kind="note")
    seen, after = [], None
    while True:
        page = changes_of(lead, [], after=after)
        seen += [act.place.pk for act in page.acts]
        after = page.after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 25


def test_changes_in_a_shape_nobody_expects_are_left_out(make):
    lead = make.lead()
    change(lead, {"lead.country": "DE", "x": [1, 2, 3]})
    (act,) = changes_of(lead, []).acts
    assert act.facts == []
