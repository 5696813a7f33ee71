"""What scoring adds to pages of the layer below: the score card of a lead, columns and filters of the lead list, a section of
the API's lead, a line of the import check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.db.models import Case, Exists, F, FilteredRelation, IntegerField, OuterRef, Q, Subquery, When
from django.db.models.functions import JSONObject
from django.utils.html import format_html

from leads import clock
from leads.filters import choice_filter
from leads.slots import LeadColumn, LeadPanel, NavItem, slots
from leads.templatetags.work import tier_badge
from scoring import api_shapes, reviews
from scoring.compiler import Live, live_versions
from scoring.evaluate_python import Facts, Result, evaluate, evaluator
from scoring.facts import load_facts, longest_window
from scoring.holds import HOLD_WORDS, hold_of, standings_of
from scoring.kept_back import import_card
from scoring.looking import score_now, score_of
from scoring.models import FLAG_MQL, FLAG_MQO, LeadScore, ModelVersion, Qualification, ScoreChange, ScoringModel
from scoring.signing_card import home_card
from scoring.store import Score
from scoring.vocabulary import load_wording

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from leads.models import Lead

ACTIVE = ModelVersion.Status.ACTIVE
SHOWN_CHANGES = 20


def _threshold(live: Live) -> int | None:
    """The sum from which a lead is an MQL; None where a grid decides."""
    decision = live.spec.decision
    return decision.edges[decision.mql_from - 1] if decision.kind == "total" and decision.mql_from else None


@dataclass(frozen=True, slots=True)
class Judged:
    """What one version in force says of a lead now: the result with its lines, and what is made of it where the lead stands."""

    live: Live
    result: Result
    score: Score

    @property
    def tier(self) -> str | None:
        return self.live.spec.decision.tiers[self.score.tier] if self.score.tier is not None else None


def _judged(lead_ids: Sequence[int], lives: Sequence[Live]) -> dict[int, list[Judged]]:
    """What each version in force says of these leads now, all of it from one evaluation; versions that do not judge a lead are left out."""
    now = clock.now()
    facts = load_facts(lead_ids, min((now - longest_window(live.spec) for live in lives), default=now))
    standings = standings_of(lead_ids)
    found: dict[int, list[Judged]] = {lead_id: [] for lead_id in facts}
    for lead_id, known in facts.items():
        for live in lives:
            judge = evaluator(live.spec)
            result = judge.evaluate(known, now)
            if result.in_scope and lead_id in standings:
                hold = hold_of(standings[lead_id], judge, known, result, now)
                found[lead_id].append(Judged(live, result, score_of(result, hold)))
    return found


def lead_panel(request: HttpRequest, lead: Lead) -> dict[str, Any] | None:
    """The score by every model that judges the lead, with its lines, and how it moved; None before there is a model."""
    lives = live_versions()
    if not lives:
        return None
    judged = _judged([lead.pk], lives).get(lead.pk, [])
    names = dict(ScoringModel.objects.values_list("pk", "name"))
    wording = load_wording()
    scores = []
    for one in judged:
        live, result, held_by = one.live, one.result, one.score.gate or ""
        gates = {gate.key: gate.label for gate in live.spec.gates}
        scores.append(
            {
                "model": names.get(live.model_id, ""),
                "version_id": live.version_id,
                "version": f"v{live.no}",
                "result": result,
                "tier": one.tier or "",
                "lines": wording.lines(result.lines),
                "threshold": _threshold(live),
                "held": gates.get(held_by) or HOLD_WORDS.get(held_by, ""),
            }
        )
    changes = ScoreChange.objects.filter(lead=lead, version__model__in=[one.live.model_id for one in judged[:1]])
    moved = [fit + engagement for fit, engagement in changes.values_list("new_fit", "new_engagement")[:SHOWN_CHANGES]]
    return {"scores": scores, "moved": list(reversed(moved)) if len(moved) > 1 else [], "several": len(lives) > 1}


def _first_score() -> QuerySet[LeadScore]:
    """A lead's score by the first model that judges it."""
    return LeadScore.objects.filter(lead_id=OuterRef("pk"), version__status=ACTIVE).order_by(
        "version__model__position", "version__model_id"
    )


def with_score(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The score, its tier and the tiers' names, in the list's own query."""
    if "score_shown" in leads.query.annotations:  # two columns show of it
        return leads
    total = F("fit") + F("engagement")
    shown = JSONObject(total=total, tier=F("tier"), flags=F("flags"), tiers=F("version__decision__tiers"))
    return leads.annotate(score_shown=Subquery(_first_score().values(shown=shown)[:1]))


def placed_by_score(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """`score_total` and `score_tier` of the first model that judges a lead, each version's scores joined once as a whole."""
    versions = ModelVersion.objects.filter(status=ACTIVE).order_by("model__position", "model_id").values_list("pk", flat=True)
    totals: list[When] = []
    tiers: list[When] = []
    for pk in versions:
        name = f"scores_{pk}"
        leads = leads.alias(**{name: FilteredRelation("scores", condition=Q(scores__version_id=pk))})
        judged = {f"{name}__fit__isnull": False}
        totals.append(When(**judged, then=F(f"{name}__fit") + F(f"{name}__engagement")))
        tiers.append(When(**judged, then=F(f"{name}__tier")))
    return leads.alias(
        score_total=Case(*totals, output_field=IntegerField()), score_tier=Case(*tiers, output_field=IntegerField())
    )


def score_value(lead: Lead) -> object:
    shown = getattr(lead, "score_shown", None)
    return shown["total"] if shown else None


def tier_value(lead: Lead) -> object:
    """The name of the tier with MQL or MQO beside it; "" for leads that are not scored or barred."""
    shown = getattr(lead, "score_shown", None)
    if not shown or shown["tier"] is None:
        return ""
    tiers = shown["tiers"] or []
    return tiers[shown["tier"]] if shown["tier"] < len(tiers) else ""


def score_filters() -> dict[str, filters.Filter]:
    return {
        "score": filters.NumberFilter(label="Score from", method=_from_score),
        "meets": choice_filter(
            "Meets the criteria", [("mql", "MQL"), ("mqo", "MQO"), ("barred", "Barred"), ("no", "Not yet")], method=_meets
        ),
    }


def _scores(**having: Any) -> Exists:
    return Exists(LeadScore.objects.filter(lead_id=OuterRef("pk"), version__status=ACTIVE, **having))


def _from_score(leads: Any, name: str, value: Any) -> Any:
    scores = LeadScore.objects.filter(lead_id=OuterRef("pk"), version__status=ACTIVE)
    return leads.filter(Exists(scores.alias(sum=F("fit") + F("engagement")).filter(sum__gte=value)))


def _meets(leads: Any, name: str, value: str) -> Any:
    if value == "mql":
        return leads.filter(Exists(_flagged(FLAG_MQL)))
    if value == "mqo":
        return leads.filter(Exists(_flagged(FLAG_MQO)))
    if value == "barred":
        return leads.filter(_scores(gate__isnull=False))
    return leads.filter(_scores(gate__isnull=True)).exclude(Exists(_flagged(FLAG_MQL)))


def has_qualified() -> Exists:
    """Whether a lead ever met a model and sales might have it."""
    return Exists(Qualification.objects.filter(lead_id=OuterRef("pk"), release_at__isnull=False))


def _flagged(flag: int) -> QuerySet[LeadScore]:
    scores = LeadScore.objects.filter(lead_id=OuterRef("pk"), version__status=ACTIVE)
    return scores.alias(held=F("flags").bitand(flag)).filter(held=flag)


def api_section(lead_ids: Sequence[int]) -> dict[int, Any]:
    """What the first model in force says of each lead now, with its lines; leads nobody judges are left out."""
    lives = live_versions()
    if not lives:
        return {}
    keys = dict(ScoringModel.objects.values_list("pk", "key"))
    wording = load_wording()
    found: dict[int, Any] = {}
    for lead_id, judged in _judged(lead_ids, lives).items():
        for one in judged[:1]:
            result, score = one.result, one.score
            found[lead_id] = {
                "model": keys[one.live.model_id],
                "version": one.live.no,
                "fit": result.fit,
                "engagement": result.engagement,
                "total": result.total,
                "tier": one.tier,
                "mql": bool(score.flags & FLAG_MQL),
                "mqo": bool(score.flags & FLAG_MQO),
                "gate": score.gate,
                "lines": [_api_line(line) for line in wording.lines(result.lines)],
            }
    return found


def _api_line(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line.get(name) for name in ("kind", "dimension", "key", "words", "points", "sub")}


def import_forecast(sample: Sequence[dict[str, object]], total: int) -> list[str]:
    """How many of the leads about to come in meet the criteria as they are, judged by a sample of their facts."""
    now = clock.now()
    lives = live_versions()
    if not lives or not sample:
        return []
    met = sum(
        any(evaluate(live.spec, Facts(values), now).mql for live in lives) and values.get("lead.contactable") is not False
        for values in sample
    )
    return [f"About {round(total * met / len(sample)):,} of {total:,} would meet the criteria right away."]


def connect() -> None:
    """Called once, when the app is ready."""
    slots.nav.append(
        NavItem(
            key="criteria",
            label="Criteria",
            icon="sliders",
            url_name="admin:criteria",
            order=20,
            permissions=("scoring.see_criteria",),
            shortcut="w",
            tab=True,
        )
    )
    slots.lead_panels.append(
        LeadPanel(key="score", order=10, template="scoring/_lead_score.html", context=lead_panel, column="main")
    )
    slots.lead_columns.append(
        LeadColumn(
            key="score",
            label="Score",
            order=50,
            annotate=with_score,
            value=score_value,
            ordering=("score_total",),
            place=placed_by_score,
            draw=partial(format_html, '<span class="p-strong">{}</span>'),
            numeric=True,
            filters=score_filters,
        )
    )
    slots.lead_columns.append(
        LeadColumn(
            key="tier",
            label="Tier",
            order=51,
            annotate=with_score,
            value=tier_value,
            ordering=("score_tier",),
            place=placed_by_score,
            draw=tier_badge,
        )
    )
    slots.api_sections["score"] = api_section
    slots.api_shapes["score"] = api_shapes.Score
    slots.import_forecasts.append(import_forecast)
    slots.import_cards.append((10, "scoring/_import_kept_back.html", import_card))
    slots.home_cards.append((3, "scoring/_home_signing.html", home_card))
    slots.home_cards.append((4, "scoring/_home_review.html", reviews.home_card))
    slots.score_now.append(score_now)
    slots.qualified = has_qualified
