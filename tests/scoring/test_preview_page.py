"""The part of a draft's page that says what it would have done: every state, who may see what, and that nothing late is drawn."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from leads.models import Lead, LeadField
from leads.revisions import touch_revisions
from scoring.actions.criteria import add_criterion
from scoring.actions.versions import create_draft
from scoring.edit_words import detail_of
from scoring.models import CriterionView, ModelVersion
from scoring.preview import drafts
from scoring.preview.drafts import with_threshold
from scoring.slots import slots
from scoring.snapshot import building, files, keeping
from scoring.templatetags.preview import weeks_of
from tests.scoring.samples import a_tally, a_test, clause, spec

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
VP = a_test("vp", 30, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
PAPERS = a_tally("papers", 12, days=90, award="each", label="White papers")


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


@pytest.fixture
def history(make, agree, cast) -> ModelVersion:
    """60 decided leads, of which vice presidents win more, some open ones, and a draft that asks for more than what is in force."""
    for number in range(60):
        vp = number % 2 == 0
        lead = make.lead(job_title="VP Sales" if vp else "Clerk")
        if number % 3 == 0:
            make.activity(lead, "whitepaper", NOW - timedelta(days=40))
        outcome = Outcome.WON if (number % 3 == 0 if vp else number % 20 == 5) else Outcome.LOST
        freeze_case(lead, kind=CaseKind.DECISION, outcome=outcome, decided_at=NOW - timedelta(days=7 + number))
        Lead.objects.filter(pk=lead.pk).update(stage="won" if outcome == Outcome.WON else "lost", stage_since=NOW)
    for number in range(6):
        lead = make.lead(
            job_title="VP IT" if number < 4 else "Clerk", first_name=f"Open{number}", owner=cast.rep if number == 0 else None
        )
        make.activity(lead, "whitepaper", NOW - timedelta(days=3))
    live = agree(VP, PAPERS)
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    criterion = draft.criteria.get(key="vp")
    type(criterion).objects.filter(pk=criterion.pk).update(points=5)
    return draft


@pytest.fixture
def nothing_built(history, settings, tmp_path):
    """A host that has no snapshot yet: putting a version into force has built one where it ran."""
    settings.SCORING_SNAPSHOT_DIR = tmp_path / "empty"


@pytest.fixture
def ask(client_of, cast):
    def get(draft: ModelVersion, who: Any = None, query: str = "", **headers: str):
        url = reverse("admin:criteria-effect", args=[draft.pk])
        return client_of(who or cast.marketer).get(f"{url}?{query}", headers=HTMX | headers)

    return get


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_what_a_draft_would_have_done_is_said_in_figures(history, ask):
    page = text(ask(history))
    assert "MQLs of open leads 0 of 6" in page
    assert "Decided MQLs a week" in page
    assert "0 open leads would newly meet it" in page.split("0 enter")[0]
    assert "0 enter, 34 leave" in page  # 30 decided vice presidents and four open ones
    assert re.search(r"34 leave , 20 lost, 10 won, 4 open now", page)
    assert "Vice president +30 → +5" in page
    assert "Won of decided MQLs –" in page
    assert "60 cases" in page
    # each criterion: of 30 vice presidents 10 won, over a base of 13 of 60
    assert re.search(r"Vice president 4 30 33.% 1\.5×", page)
    assert "White papers 6 20 6 of" not in page


def test_who_may_see_a_lead_gets_a_link_to_it(history, ask, cast):
    open_lead = Lead.objects.get(first_name="Open0")
    own = reverse("admin:lead-detail", args=[open_lead.pk])
    other = reverse("admin:lead-detail", args=[Lead.objects.get(first_name="Open1").pk])
    everything, mine = (ask(history, who).content.decode() for who in (cast.marketer, cast.rep))
    assert own in everything
    assert other in everything
    assert own in mine
    assert other not in mine
    assert "a lead of somebody else" in mine


def test_another_threshold_changes_the_figures_alone(history, ask):
    moved = ask(history, query="threshold=10", **{"HX-Target": "effect-figures"})
    page = moved.content.decode()
    assert page.lstrip().startswith('<div id="effect-figures"')
    assert "MQLs of open leads 6 of 6" in text(moved)
    assert "8 enter" in text(moved)  # clerks with a white paper: six decided ones, two open ones
    assert history.decision["edges"] == ModelVersion.objects.get(pk=history.pk).decision["edges"] == [20, 40]


def test_a_threshold_is_set_in_the_draft_by_who_may_edit(history, client_of, cast):
    url = reverse("admin:criteria-threshold", args=[history.pk])
    assert client_of(cast.rep).post(url, {"threshold": "50", "rev": history.rev}).status_code == 403
    answer = client_of(cast.marketer).post(url, {"threshold": "", "rev": history.rev}, headers=HTMX)
    assert answer.status_code == 422
    answer = client_of(cast.marketer).post(url, {"threshold": "15", "rev": history.rev}, headers=HTMX)
    assert answer.status_code == 200
    history.refresh_from_db()
    assert history.decision["edges"] == [15, 40]
    assert detail_of(history.edits.get(rev=history.rev)).endswith(" from 20 → 15")
    late = client_of(cast.manager).post(url, {"threshold": "16", "rev": history.rev - 1}, headers=HTMX)
    assert late.status_code == 409


def test_a_line_that_does_not_fit_is_refused_in_words_and_moves_no_edge(history, client_of, cast):
    url, browser = reverse("admin:criteria-threshold", args=[history.pk]), client_of(cast.marketer)
    for line, words in (("-5", "everybody would be handed over"), ("0", "everybody"), ("40", "begins at 40 already")):
        answer = browser.post(url, {"threshold": line, "rev": history.rev}, headers=HTMX)
        assert (answer.status_code, words in text(answer)) == (422, True), (line, text(answer))
        page = answer.content.decode()  # said at the number that was typed, and nowhere else
        assert (answer["HX-Retarget"], f'value="{line}"' in page, 'aria-invalid="true"' in page) == ("#threshold-set", True, True)
    assert ModelVersion.objects.get(pk=history.pk).decision["edges"] == [20, 40]


def test_an_overtaken_request_draws_nothing(history, ask):
    assert ask(history, query=f"rev={history.rev}").status_code == 200
    late = ask(history, query=f"rev={history.rev - 1}")
    assert (late.status_code, late.content) == (204, b"")


def test_each_sides_points_are_tried(history, ask):
    criterion = history.criteria.get(key="vp")
    CriterionView.objects.create(criterion=criterion, side="sales", need="required", points=40)
    CriterionView.objects.create(criterion=criterion, side="marketing", need="irrelevant", points=40)
    assert "MQLs of open leads 4 of 6" in text(ask(history, query="points=sales"))
    assert "MQLs of open leads 0 of 6" in text(ask(history, query="points=marketing"))
    assert drafts.wanted_points(history, "sales", to=None) == {"vp": 40}
    assert drafts.wanted_points(history, "marketing", to=None) == {"vp": 0}


def test_goal_and_cases_are_chosen_and_nonsense_is_refused(history, ask):
    page = text(ask(history, query="goal=accepted&cases=dated"))
    assert "were accepted" in page
    refused = ask(history, query="goal=fame")
    assert refused.status_code == 422
    assert "fame" in refused.content.decode()


def test_capacity_stands_beside_the_volume(history, ask, monkeypatch):
    monkeypatch.setattr(slots, "weekly_capacity", lambda: 2)
    page = text(ask(history, query="threshold=1"))
    assert "Capacity 2 a week" in page
    assert "Above capacity" in page
    monkeypatch.setattr(slots, "weekly_capacity", None)
    assert "Capacity" not in text(ask(history))


@pytest.mark.django_db(transaction=True)
def test_changes_wait_and_a_refresh_reads_them(history, ask, client_of, cast, make, monkeypatch):
    assert "nothing waiting" in text(ask(history))
    make.lead(job_title="VP New")
    lead = Lead.objects.get(first_name="Open5")
    Lead.objects.filter(pk=lead.pk).update(job_title="VP now")
    touch_revisions([lead.pk])
    with monkeypatch.context() as kept:
        kept.setattr(keeping, "has_keeper", lambda *_: True)
        assert "2 changed leads waiting" in text(ask(history))
        url = reverse("admin:criteria-effect", args=[history.pk])
        assert "nothing waiting" in text(client_of(cast.rep).post(url, headers=HTMX))
        assert "of 7" in text(ask(history))
    touch_revisions([lead.pk])  # where no keeper runs, who looks has it read
    assert "nothing waiting" in text(ask(history))


def test_a_first_snapshot_that_takes_long_shows_how_far_it_is(history, nothing_built, ask, monkeypatch):
    monkeypatch.setattr(keeping, "AT_ONCE", 10)
    monkeypatch.setattr(keeping, "has_keeper", lambda *_: True)
    page = ask(history)
    assert "being built for the first time" in text(page)
    assert 'hx-trigger="every 1s"' in page.content.decode()
    monkeypatch.setattr(keeping, "_progress", lambda _: keeping.Progress(40, 126))
    assert "40 of 126 leads and cases" in text(ask(history))
    keeping.Keeper().step()
    monkeypatch.undo()
    assert "66 cases" not in text(ask(history))
    assert "60 cases" in text(ask(history))


def test_a_damaged_snapshot_is_built_anew_and_the_page_says_so(history, nothing_built, ask, monkeypatch):
    built = building.refresh()
    entry = next(files.entries(built.manifest))
    (built.folder / entry["name"]).write_bytes(b"x")
    page = text(ask(history))
    assert "was damaged and has been built anew" in page
    assert "60 cases" in page
    assert "damaged" not in text(ask(history))
    (built.folder / files.CURRENT).write_text("nonsense")
    monkeypatch.setattr(keeping, "AT_ONCE", 10)
    monkeypatch.setattr(keeping, "has_keeper", lambda *_: True)
    assert "was damaged. It is being built anew" in text(ask(history))


def test_a_draft_that_is_not_valid_says_why(history, ask):
    history.criteria.filter(key="vp").update(condition={"all": [{"field": "lead.nothing", "op": "known"}]})
    page = text(ask(history))
    assert "cannot be tried yet" in page
    assert "lead.nothing" in page


def test_a_new_field_is_read_first_and_a_personal_one_never(history, ask, cast, monkeypatch):
    ask(history)
    LeadField.objects.create(key="pet", label="Pet", type="text")
    add_criterion(history, a_test("pet", 5, clause("custom.pet", "known")), actor=cast.marketer, rev=history.rev)
    monkeypatch.setattr(keeping, "has_keeper", lambda *_: True)
    assert "Pet is new" in text(ask(history))
    keeping.Keeper().step()
    assert "60 cases" in text(ask(history))
    LeadField.objects.filter(key="pet").update(personal=True)
    keeping.ask()
    keeping.Keeper().step()
    assert "Pet is marked as personal" in text(ask(history))


def test_a_grid_shows_what_became_of_each_cell(history, ask):
    history.decision = {
        "kind": "grid", "tiers": ["C", "B", "A"], "fit_edges": [5], "engagement_edges": [10], "grid": [["C", "B"], ["B", "A"]],
        "mql_from": "B",
    }  # fmt: skip
    history.save(update_fields=["decision"])
    page = ask(history)
    cells = re.findall(r"<td[^>]*><strong>(\w)</strong>", page.content.decode())
    assert cells == ["B", "A", "C", "B"]
    assert "Score threshold" not in text(page)
    assert "4 open" in text(page)


def test_the_rows_of_a_page_get_their_figures_when_asked_for(history, ask):
    assert "data-figures-of" not in ask(history).content.decode()
    page = ask(history, query="rows=1").content.decode()
    assert re.search(r'<template data-figures-of="vp"><a [^>]*/criteria/vp/leads/"[^>]*>4</a> · <span[^>]*>1\.5×', page)


def test_the_whole_page_is_there_without_htmx(history, client_of, cast):
    page = client_of(cast.rep).get(reverse("admin:criteria-effect", args=[history.pk]))
    assert "<html" in page.content.decode()
    assert "What v2 would have done" in text(page)


def test_a_preview_asks_a_fixed_number_of_queries(history, client_of, cast, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(keeping, "has_keeper", lambda *_: True)
    building.refresh()
    browser, url = client_of(cast.marketer), reverse("admin:criteria-effect", args=[history.pk])
    browser.get(url, headers=HTMX)
    with django_assert_num_queries(13):
        assert "34 leave" in text(browser.get(url, headers=HTMX))


def test_a_moved_threshold_takes_the_edges_in_its_way_along():
    decision = spec(VP).decision
    assert decision.edges == (20, 40)
    assert with_threshold(decision, 30).edges == (30, 40)
    assert with_threshold(decision, 45).edges == (45, 46)
    above = spec(VP, decision={"kind": "total", "tiers": ["C", "B", "A"], "edges": [20, 40], "mql_from": "A"}).decision
    assert with_threshold(above, 10).edges == (9, 10)


def test_an_opening_wave_is_measured_in_weeks_of_the_reps():
    assert [weeks_of(leads, 78) for leads in (20, 78, 1257)] == ["less than a week", "1 week", "16 weeks"]
