"""Who may open which page. One row for each address; a new address without a row fails the test, and so does a wrong answer.

`opens` names who is let in (an answer other than 403, 404 or the login). Everybody else on `PEOPLE` gets 403 or 404, and who is
not signed in, or has no role in the portal, is sent to the login. `of` gives the arguments of the address from the world of
`test_roles.py`; `post` says that the page takes posts, and what is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PEOPLE = ("rep", "other_rep", "manager", "marketer", "marketing_ops", "head_of_marketing", "head_of_sales", "admin")
ALL = " ".join(PEOPLE)
STRANGERS = ("anonymous", "outsider")


@dataclass(frozen=True)
class Row:
    opens: str = ALL
    of: Callable[[Any], list[Any]] = lambda world: []
    post: dict[str, Any] | None = None
    public: bool = False
    query: dict[str, str] = field(default_factory=dict)


def lead(world: Any) -> list[Any]:
    return [world.lead.pk]


def handoff(world: Any) -> list[Any]:
    return [world.handoff.pk]


def rejected(world: Any) -> list[Any]:
    return [world.rejected.pk]


def run(world: Any) -> list[Any]:
    return [world.run.pk]


def draft(world: Any) -> list[Any]:
    return [world.draft.pk]


def criterion(world: Any) -> list[Any]:
    return [world.draft.pk, world.criterion]


HEADS = "head_of_marketing head_of_sales"
MARKETING = "marketer marketing_ops head_of_marketing"
SEERS = f"rep manager {MARKETING} head_of_sales admin"  # of a lead that belongs to the rep
IMPORTERS = f"{MARKETING} admin"
EDITORS = f"manager {MARKETING} head_of_sales admin"

ROWS: dict[str, Row] = {
    "healthz": Row(public=True),
    # the portal itself
    "admin:home": Row(),
    "admin:preferences": Row(),
    "admin:theme-choose": Row(post={"theme": "dark"}, public=True),
    "admin:login": Row(public=True),
    "admin:logout": Row(post={}, public=True),
    "admin:password_change": Row(),
    "admin:password_change_done": Row(),
    "admin:password_reset": Row(public=True),
    "admin:password_reset_done": Row(public=True),
    "admin:password_reset_confirm": Row(public=True, of=lambda world: ["MQ", "set-password"]),
    "admin:password_reset_complete": Row(public=True),
    "admin:jsi18n": Row(),
    # leads
    "admin:lead-list": Row(),
    "admin:lead-export": Row(EDITORS),
    "admin:lead-add": Row(IMPORTERS),
    "admin:lead-detail": Row(SEERS, of=lead),
    "admin:lead-edit": Row(IMPORTERS, of=lead),
    "admin:title-correct": Row(IMPORTERS, of=lead, post={}),
    "admin:lead-timeline": Row(SEERS, of=lead),
    "admin:lead-changes": Row(SEERS, of=lead),
    "admin:note-add": Row(SEERS, of=lead, post={}),
    # import
    "admin:import-list": Row(IMPORTERS),
    "admin:import-create": Row(IMPORTERS),
    "admin:import-detail": Row(IMPORTERS, of=run),
    "admin:import-columns": Row(IMPORTERS, of=run),
    "admin:import-reread": Row(IMPORTERS, of=run, post={}),
    "admin:import-check": Row(IMPORTERS, of=run),
    "admin:import-stop": Row(IMPORTERS, of=run, post={}),
    "admin:import-resume": Row(IMPORTERS, of=run, post={}),
    "admin:import-undo": Row(IMPORTERS, of=run, post={}),
    "admin:import-retry": Row(IMPORTERS, of=run, post={}),
    "admin:import-discard": Row(IMPORTERS, of=run, post={}),
    "admin:import-release": Row(IMPORTERS, of=run, post={}),
    "admin:import-refused": Row(IMPORTERS, of=run),
    "admin:import-refused-download": Row(IMPORTERS, of=run),
    "admin:import-refused-correct": Row(IMPORTERS, of=lambda world: [world.run.pk, world.refusal.line]),
    # criteria
    "admin:criteria": Row(),
    "admin:criteria-begin": Row(EDITORS, post={}),
    "admin:criteria-version": Row(of=draft),
    "admin:criteria-draft-begin": Row(EDITORS, of=lambda world: [world.draft.model.key], post={}),
    "admin:criteria-conversion": Row(EDITORS),
    "admin:criteria-draft": Row(EDITORS, of=draft),
    "admin:criteria-activate": Row(f"{HEADS} admin", of=draft, post={}),
    "admin:criteria-withdraw": Row(EDITORS, of=draft, post={}),
    "admin:criteria-bounds": Row(EDITORS, of=draft, post={}),
    "admin:criteria-scope": Row(EDITORS, of=draft),
    "admin:criteria-decision": Row(EDITORS, of=draft),
    "admin:criterion-add": Row(EDITORS, of=draft),
    "admin:criterion-edit": Row(EDITORS, of=criterion),
    "admin:criterion-points": Row(EDITORS, of=criterion, post={"points": "7"}),
    "admin:criterion-move": Row(EDITORS, of=criterion, post={"direction": "up"}),
    "admin:criterion-remove": Row(EDITORS, of=criterion, post={}),
    "admin:criterion-restore": Row(EDITORS, of=criterion, post={}),
    "admin:group-add": Row(EDITORS, of=draft, post={}),
    "admin:group-edit": Row(EDITORS, of=lambda world: [world.draft.pk, world.group], post={}),
    "admin:gate-add": Row(EDITORS, of=draft),
    "admin:gate-edit": Row(EDITORS, of=lambda world: [world.draft.pk, world.gate]),
    "admin:gate-remove": Row(EDITORS, of=lambda world: [world.draft.pk, world.gate], post={}),
    # hand-offs
    "admin:inbox": Row("rep other_rep manager"),
    "admin:inbox-pulse": Row("rep other_rep manager"),
    "admin:handoff-packet": Row(SEERS, of=handoff),
    "admin:handoff-row": Row("rep manager", of=handoff),
    "admin:handoff-accept": Row("rep", of=handoff, post={}),
    "admin:handoff-reject": Row("rep manager", of=handoff),
    "admin:handoff-undo": Row("rep manager", of=handoff, post={}),
    "admin:handoff-attempt": Row("rep manager head_of_sales", of=handoff, post={}),
    "admin:handoff-convert": Row("rep manager head_of_sales", of=handoff, post={}),
    "admin:handoff-win": Row("rep manager head_of_sales", of=handoff, post={}),
    "admin:handoff-lose": Row("rep manager head_of_sales", of=handoff, post={}),
    "admin:handoff-give-up": Row("rep manager head_of_sales", of=handoff, post={}),
    "admin:handoff-reassign": Row("manager head_of_sales admin", of=handoff, post={}),
    "admin:handoff-settle": Row(MARKETING, of=rejected, post={}),
    "admin:rejection-list": Row(MARKETING),
    "admin:rejection-export": Row(MARKETING),
    "admin:rejection-review": Row(MARKETING, post={}),
    "admin:rejection-lines": Row(MARKETING, of=rejected),
    "admin:notification-list": Row(),
    "admin:notification-seen": Row(post={}),
    # the API asks for a key, not for a person; tests/intake holds what each key may do
    "api-docs": Row(),
    "api-1:openapi-json": Row(public=True),
    # the stock admin's own
    "admin:index": Row(),
    "admin:autocomplete": Row(
        EDITORS, query={"term": "", "app_label": "leads", "model_name": "campaign", "field_name": "product"}
    ),
    "admin:app_list": Row(EDITORS, of=lambda world: ["leads"]),
    "admin:view_on_site": Row("", of=lambda world: ["0", "0"]),
}

# Set-up pages of a model: who may see the list and an entry, add, change and delete. What is not named is open to nobody.
ADMIN = "admin"
KEPT = {"view": ADMIN, "add": ADMIN, "change": ADMIN}
FACTS = dict.fromkeys(("view", "add", "change"), "marketing_ops head_of_marketing admin")
CATALOGUE = dict.fromkeys(("view", "add", "change"), f"{MARKETING} admin")
READ = {"view": ADMIN}
EDITED = {"view": ADMIN, "change": ADMIN}
SETUP: dict[str, dict[str, str]] = {
    "leads_product": {"view": EDITORS, "add": IMPORTERS, "change": EDITORS},
    "leads_campaign": CATALOGUE,
    "leads_asset": CATALOGUE,
    "leads_company": FACTS,
    "leads_user": KEPT,
    "leads_team": KEPT,
    "leads_leadfield": FACTS,
    "leads_reason": FACTS,
    "leads_valuelist": FACTS,
    "leads_apikey": dict.fromkeys(("view", "add", "change"), "marketing_ops admin"),
    "leads_submission": {"view": "marketing_ops admin"},
    "leads_activity": READ,
    "leads_leadevent": READ,
    "leads_job": READ,
    "leads_outbox": READ,
    "handoff_workcalendar": KEPT,
    "handoff_calendarday": EDITED,
    "handoff_slapolicy": KEPT,
    "handoff_slatarget": EDITED,
    "handoff_handoff": {"view": "manager head_of_sales admin"},
    "handoff_rejectionreview": {"view": "marketing_ops head_of_marketing admin"},
    "handoff_rep": dict.fromkeys(("view", "add", "change"), "manager head_of_sales admin"),
    "handoff_leave": dict.fromkeys(("view", "add", "change", "delete"), "manager head_of_sales admin"),
    "scoring_scoringmodel": EDITED,
    "scoring_modelversion": READ,
    "scoring_criterion": READ,
    "scoring_qualification": READ,
    "scoring_activation": READ,
}
