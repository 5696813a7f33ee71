"""Which policy a hand-off follows: the first that fits, explained, and always one."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, transaction

from handoff.actions import reassign
from handoff.actions.ordering import move_policy, newest_of_each, switch_policy
from handoff.models import SlaPolicy, SlaTarget
from handoff.policybook import PolicyBook
from handoff.policyscope import Names, scope_words
from handoff.states import ClockKind
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Product, Team, TeamMember
from tests.handoff.conftest import HOUR, MONDAY

TIERS = {"tiers": ["D", "C", "B", "A"]}


def a_policy(key, position=0, **fields):
    policy = SlaPolicy.objects.create(
        key=key, name=key.capitalize(), position=position, **{"effective_from": MONDAY - HOUR, **fields}
    )
    SlaTarget.objects.create(policy=policy, kind=ClockKind.ACCEPT, duration_us=3_600_000_000)
    return policy


def test_the_first_that_fits_applies_and_says_why(defaults, freeze, make):
    freeze(MONDAY)
    product = Product.objects.create(key="tms", name="Transport suite")
    team = Team.objects.create(name="North")
    web = a_policy("web", 1, scope={"source": ["webinar", "expo"]})
    hot = a_policy("hot", 2, scope={"tier": ["A"], "source": ["webinar"], "product": ["tms"], "team": [team.pk]})
    a_policy("off", 0, scope={"tier": ["A"]}, retired_at=MONDAY)
    a_policy("later", 0, scope={"tier": ["A"]}, effective_from=MONDAY + HOUR)
    facts = {"tier": "A", "source": "webinar", "product": "tms", "team": [team.pk]}
    choose = PolicyBook(MONDAY).choose
    assert (choose(facts).policy, choose(facts).why) == (web, "source webinar")
    assert (choose(facts | {"source": "api"}).policy.key, choose({}).why) == ("standard", "no other policy fits")
    SlaPolicy.objects.filter(key="web").update(position=9)
    choice = PolicyBook(MONDAY).choose(facts)
    assert choice.policy == hot
    assert choice.why == "tier A and source webinar and product Transport suite and team North"
    assert PolicyBook(MONDAY).choose(facts | {"team": []}).policy == web
    assert scope_words(web.scope, Names()) == "Source webinar or expo"
    assert (product.key, scope_words({}, Names())) == ("tms", "Everything else")


def test_a_hand_off_keeps_why_and_a_team_counts_once_somebody_has_it(work, make, cast, client_of):
    work.version.decision = TIERS
    work.version.save(update_fields=["decision"])
    north, south = Team.objects.create(name="Far north"), Team.objects.create(name="Far south")
    TeamMember.objects.create(team=north, user=cast.rep)
    TeamMember.objects.create(team=south, user=cast.other_rep)
    TeamMember.objects.create(team=south, user=cast.manager, is_manager=True)
    a_policy("north", 1, scope={"team": [north.pk]})
    a_policy("good", 2, scope={"tier": ["B"], "source": ["webinar"]})
    queued = work.queued(lead=make.lead(first_source="webinar", company=make.company()))
    assert (queued.policy.key, queued.policy_why) == ("good", "tier B and source webinar")
    from handoff.routing import route_waiting

    assert route_waiting() == 1
    offered = work.fresh(queued)
    assert (offered.owner, offered.policy.key, offered.policy_why) == (cast.rep, "north", "team Far north")
    assert work.timer(offered, ClockKind.ACCEPT).target_us == 3_600_000_000
    assert "Policy North v1, because team Far north." in client_of(cast.rep).get(f"/handoffs/{offered.pk}/").content.decode()
    work.rep(cast.other_rep)
    reassign(offered, actor=cast.head_of_sales, to=cast.other_rep, reason="Knows them")
    moved = work.fresh(offered)
    assert (moved.policy.key, moved.policy_why) == ("good", "tier B and source webinar")


def test_the_fallback_fits_all_and_stays(defaults):
    standard = SlaPolicy.objects.get()
    for change in ({"scope": {"tier": ["A"]}}, {"retired_at": MONDAY}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SlaPolicy.objects.filter(pk=standard.pk).update(**change)


def test_order_and_switch_are_verbs_of_administrators_and_seen_in_the_log(defaults, cast, freeze):
    freeze(MONDAY)
    for position, key in enumerate(("first", "second")):
        a_policy(key, position, scope={"tier": [key]})
    with pytest.raises(NotAllowed):
        move_policy("second", actor=cast.manager, up=True, seen=["first", "second"])
    with pytest.raises(Conflict, match="changed meanwhile"):
        move_policy("second", actor=cast.admin, up=True, seen=["second", "first"])
    move_policy("second", actor=cast.admin, up=True, seen=["first", "second"])
    move_policy("second", actor=cast.admin, up=True, seen=["second", "first"])  # at the top nothing happens
    assert [row.key for row in newest_of_each()] == ["second", "first", "standard"]
    switch_policy("second", actor=cast.admin, on=False)
    assert PolicyBook(MONDAY).choose({"tier": "second"}).policy.key == "standard"
    switch_policy("second", actor=cast.admin, on=True)
    assert PolicyBook(MONDAY).choose({"tier": "second"}).policy.key == "second"
    with pytest.raises(Invalid, match="fallback cannot"):
        switch_policy("standard", actor=cast.admin, on=False)
    assert list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True)) == [
        "Asked earlier", "Switched off", "Switched on"
    ]  # fmt: skip


def test_setup_orders_tries_and_makes_policies(work, cast, client_of, make):
    make.lead(first_source="webinar")
    browser = client_of(cast.admin)
    form = {
        "name": "Webinars", "key": "webinars", "calendar_key": "standard", "reassign_cap": "2", "on_leave": "pause", "seen": "",
        "targets-TOTAL_FORMS": "0", "targets-INITIAL_FORMS": "0",
    }  # fmt: skip
    refused = browser.post("/setup/handoff/slapolicy/add/", form)
    assert "Choose what it is for" in refused.content.decode()
    assert browser.post("/setup/handoff/slapolicy/add/", form | {"scope_source": ["webinar"]}).status_code == 302
    made = SlaPolicy.objects.get(key="webinars")
    assert (made.scope, made.on_leave) == ({"source": ["webinar"]}, "pause")
    a_policy("hot", 5, scope={"tier": ["A"]})
    page = browser.get("/policies/", {"try": "1", "tier": "A", "source": "webinar"}).content.decode()
    assert "Policy <strong>Webinars v1</strong>, because source webinar." in page
    assert "Would fit, but one before it does" in page
    answer = browser.post("/policies/move/", {"key": "hot", "way": "up", "order": "webinars,hot"}, follow=True)
    assert [row.key for row in newest_of_each()] == ["hot", "webinars", "standard"]
    assert answer.status_code == 200
    stale = browser.post("/policies/move/", {"key": "hot", "way": "down", "order": "webinars,hot"})
    assert (stale.status_code, "changed meanwhile" in stale.content.decode()) == (409, True)
    assert browser.post("/policies/switch/", {"key": "hot", "on": "0"}).status_code == 302
    assert SlaPolicy.objects.get(key="hot").retired_at is not None
    edit = browser.get(f"/setup/handoff/slapolicy/{made.pk}/change/").content.decode()
    assert 'name="scope_source" value="webinar"' in edit
    standard = SlaPolicy.objects.get(key="standard")
    assert "Everything else" in browser.get(f"/setup/handoff/slapolicy/{standard.pk}/change/").content.decode()
