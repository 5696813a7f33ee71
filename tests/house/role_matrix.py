"""Who may open which page. One row for each address; a new address without a row fails the test, and so does a wrong answer.

`opens` names who is let in: they get the very answer the row names. Everybody else on `PEOPLE` gets 403 or 404, and who is not
signed in, or has no role in the portal, is sent to the login. `of` gives the arguments of the address from the world of
`test_roles.py`. A page is asked by GET (answer `got`; 0: it takes none), and, where `post` says what is sent, by POST (`did`);
`posts` names who may, where they are fewer, and `sent_on` who is led to another page instead.
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
    post: dict[str, Any] | Callable[[Any], dict[str, Any]] | None = None
    did: int = 302
    got: int = 200
    posts: str | None = None
    sent_on: str = ""
    public: bool = False
    query: dict[str, str] = field(default_factory=dict)


def lead(world: Any) -> list[Any]:
    return [world.lead.pk]


def handoff(world: Any) -> list[Any]:
    return [world.handoff.pk]


def worked(world: Any) -> list[Any]:
    return [world.worked.pk]


def rejected(world: Any) -> list[Any]:
    return [world.rejected.pk]


def webhook(world: Any) -> list[Any]:
    return [world.webhook.pk]


def run(world: Any) -> list[Any]:
    return [world.run.pk]


def draft(world: Any) -> list[Any]:
    return [world.draft.pk]


def criterion(world: Any) -> list[Any]:
    return [world.draft.pk, world.criterion]


def calendar(world: Any) -> list[Any]:
    return [world.calendar.pk]


def clock(world: Any) -> list[Any]:
    return [world.handoff.pk, world.handoff.timers.order_by("-pk").first().pk]


def away(world: Any) -> list[Any]:
    return [world.leave.rep_id]


def on_draft(world: Any) -> dict[str, Any]:
    """A save from the revision the page was drawn from."""
    return {"rev": str(world.draft.rev)}


HEADS = "head_of_marketing head_of_sales"
MARKETING = "marketer marketing_ops head_of_marketing"
SEERS = f"rep manager {MARKETING} head_of_sales admin"  # of a lead that belongs to the rep
IMPORTERS = f"{MARKETING} admin"
SALES = "rep other_rep manager head_of_sales"
SIDES = f"{SALES} {MARKETING}"
EDITORS = f"manager {MARKETING} head_of_sales admin"

SIGNERS = f"manager {MARKETING} head_of_sales"

ROWS: dict[str, Row] = {
    # the portal itself
    "admin:home": Row(sent_on="rep other_rep"),
    "admin:preferences": Row(post={"full_name": "New Name", "time_zone": "Europe/Berlin"}, did=422),
    "admin:health": Row("admin"),
    "admin:theme-choose": Row(got=0, post={"theme": "dark"}, public=True),
    "admin:login": Row(public=True, sent_on=ALL, post={"username": "x@y.test", "password": "wrong"}, did=200),
    "admin:logout": Row(got=0, post={}, public=True, did=200, sent_on="outsider anonymous"),
    "admin:password_change": Row(post={}, did=200),
    "admin:password_change_done": Row(),
    "admin:password_reset": Row(public=True, post={"email": "nobody@accord.test"}),
    "admin:password_reset_done": Row(public=True),
    "admin:password_reset_confirm": Row(public=True, of=lambda world: ["MQ", "set-password"]),
    "admin:password_reset_complete": Row(public=True),
    "admin:jsi18n": Row(),
    # leads
    "admin:lead-list": Row(),
    "admin:lead-export": Row(EDITORS, post={"format": "csv"}, did=302),
    "admin:lead-add": Row(IMPORTERS, post={"last_name": "New", "email": "new@northwind.test"}),
    "admin:lead-detail": Row(SEERS, of=lead),
    "admin:lead-edit": Row(IMPORTERS, of=lead, post={"last_name": "New", "email": "new@northwind.test"}, did=422),
    "admin:title-correct": Row(IMPORTERS, of=lead, got=0, post={"seniority": "manager", "department": "it"}),
    "admin:lead-timeline": Row(SEERS, of=lead, got=302),
    "admin:lead-changes": Row(SEERS, of=lead),
    "admin:note-add": Row(SEERS, of=lead, got=0, post={"text": "Hello"}),
    "admin:notice-detail": Row(of=lambda world: [world.notice.pk]),
    "admin:notice-acknowledge": Row(of=lambda world: [world.notice.pk], got=0, post={}),
    "admin:notice-remind": Row(f"{HEADS} admin", of=lambda world: [world.notice.pk], got=0, post={}),
    "admin:mail-text-preview": Row("admin", got=0, post={"kind": "handoff.offered", "subject": "x", "text": "y"}, did=200),
    "admin:mail-text-test": Row("admin", of=lambda world: [world.mail_text.pk], got=0, post={}),
    "admin:webhook-test": Row("admin", of=webhook, got=0, post={}),
    "admin:webhook-secret": Row("admin", of=webhook, got=0, post={}, did=200),
    "admin:webhook-secret-end": Row("admin", of=webhook, got=0, post={}),
    "admin:webhook-switch": Row("admin", of=webhook, got=0, post={"on": "0"}),
    "admin:webhook-again": Row("admin", of=webhook, got=0, post={"message": "1"}, did=404),
    # import
    "admin:import-list": Row(IMPORTERS),
    "admin:import-create": Row(IMPORTERS, post={"kind": "leads"}, did=422),
    "admin:import-detail": Row(IMPORTERS, of=run, got=302),
    "admin:import-columns": Row(IMPORTERS, of=run, post={"do": "save"}, did=200),
    "admin:import-reread": Row(IMPORTERS, of=run, got=0, post={}),
    "admin:import-check": Row(IMPORTERS, of=run, post={}, got=302, did=409),
    "admin:import-stop": Row(IMPORTERS, of=run, got=0, post={}, did=409),
    "admin:import-resume": Row(IMPORTERS, of=run, got=0, post={}, did=409),
    "admin:import-undo": Row(IMPORTERS, of=run, got=0, post={}, did=409),
    "admin:import-retry": Row(IMPORTERS, of=run, got=0, post={}, did=409),
    "admin:import-discard": Row(IMPORTERS, of=run, got=0, post={}),
    "admin:import-release": Row(IMPORTERS, of=run, got=0, post={}),
    "admin:import-refused": Row(IMPORTERS, of=run),
    "admin:import-refused-download": Row(IMPORTERS, of=run),
    "admin:import-refused-correct": Row(IMPORTERS, of=lambda world: [world.run.pk, world.refusal.line], post={}, did=409),
    # criteria
    "admin:criteria": Row(),
    "admin:criteria-begin": Row(EDITORS, got=0, post={"name": "Second"}),
    "admin:criteria-version": Row(of=draft, sent_on=EDITORS),
    "admin:criteria-draft-begin": Row(EDITORS, of=lambda world: [world.draft.model.key], got=0, post={}, did=409),
    "admin:criteria-conversion": Row(EDITORS),
    "admin:criteria-draft": Row(of=draft),
    "admin:criteria-effect": Row(of=draft, post={}, did=200),
    "admin:criteria-replay": Row(of=draft),
    "admin:criteria-threshold": Row(EDITORS, of=draft, got=0, post=lambda world: {"threshold": "35", **on_draft(world)}),
    "admin:criteria-delta": Row(of=draft),
    "admin:draft-signing": Row(of=draft),
    "admin:part-editing": Row(EDITORS, of=draft, query={"part": "criterion"}, post={}, did=204),
    "admin:meeting-lead": Row(of=draft, got=0, post={}),
    "admin:blind-round": Row(EDITORS, of=draft, got=0, post={}),
    "admin:criteria-edits": Row(of=draft),
    "admin:edit-undo": Row(EDITORS, of=lambda world: [world.draft.pk, world.draft.rev], got=0, post={}),
    "admin:review-set": Row(
        f"{HEADS} admin", of=lambda world: [world.draft.model.key], got=0, post={"on": "2100-01-01"}, did=422
    ),
    "admin:model-research": Row(of=lambda world: [world.draft.model.key], post={"personas": "Operations heads"}, posts=EDITORS),
    "admin:question-add": Row(
        SIDES, of=lambda world: [world.draft.model.key], got=0, post={"topic": "Budget", "text": "Is there one?"}
    ),
    "admin:question-remove": Row(SALES, of=lambda world: [world.draft.model.key, world.question.pk], got=0, post={}),
    "admin:criterion-row": Row(of=criterion),
    "admin:criterion-talk": Row(of=criterion),
    "admin:view-state": Row(SIDES, of=criterion, got=0, post={"need": "nice", "points": "5"}),
    "admin:verdict-give": Row(SIDES, of=criterion, got=0, post={"verdict": ""}),
    "admin:comment-add": Row(of=criterion, got=0, post={"text": "Is that so?"}),
    "admin:comment-settle": Row(of=lambda world: [world.draft.pk, world.comment.pk], got=0, post={}),
    "admin:questions-discovered": Row(of=draft, post={}, posts=EDITORS, did=422),
    "admin:question-add-found": Row(EDITORS, of=draft, got=0, post=lambda world: {"criterion": "{", **on_draft(world)}, did=422),
    "admin:points-suggested": Row(of=draft, post={}, posts=EDITORS, did=422),
    "admin:suggestion-use": Row(EDITORS, of=lambda world: [world.draft.pk, world.suggestion.pk], got=0, post=on_draft),
    "admin:example-add": Row(of=criterion, got=0, post={"q": "nobody of this name"}, did=422),
    "admin:example-remove": Row(of=lambda world: [world.draft.pk, world.example.pk], got=0, post={}),
    "admin:criterion-group": Row(EDITORS, of=criterion, got=0, post=lambda world: {"group": "", **on_draft(world)}),
    "admin:criteria-activate": Row(f"{HEADS} admin", of=draft, got=0, post={}, did=422),
    "admin:version-json": Row(of=draft),
    "admin:version-csv": Row(of=draft),
    "admin:version-import": Row(EDITORS, of=lambda world: [world.draft.model.key], got=0, post={}, did=422),
    "admin:version-brief": Row(of=draft),
    "admin:version-samples": Row(of=draft),
    "admin:samples-draw": Row(EDITORS, of=draft, got=0, post={}),
    "admin:sample-judge": Row(of=lambda world: [world.draft.pk, 999], got=0, post={"word": "good"}, did=404),
    "admin:criterion-leads": Row(of=criterion),
    "admin:version-try": Row(of=draft, post={"pasted": "Job title: VP Sales"}, did=200),
    "admin:version-since": Row(of=draft, got=404),
    "admin:version-compare": Row(of=draft, got=302),
    "admin:version-propose": Row(EDITORS, of=draft, got=0, post={}, did=422),
    "admin:version-verdict": Row(SIGNERS, of=draft, got=0, post={"verdict": "agree"}, did=409),
    "admin:version-take-back": Row(EDITORS, of=draft, got=0, post={}, did=409),
    "admin:version-activation": Row(of=draft, got=204),
    "admin:version-signing": Row(of=draft, got=204),
    "admin:activation-call-off": Row(f"{HEADS} admin", of=draft, got=0, post={}, did=404),
    "admin:activation-resume": Row(f"{HEADS} admin", of=draft, got=0, post={}, did=404),
    "admin:version-trial": Row(EDITORS, of=draft, got=0, post={}, did=409),
    "admin:version-return": Row(HEADS, of=draft, got=0, post={"reason": "Better"}, did=409),
    "admin:evidence-add": Row(EDITORS, of=draft, got=0, post={"kind": "report", "url": "/reports/"}),
    "admin:evidence-remove": Row(EDITORS, of=lambda world: [world.evidence.pk], got=0, post={}),
    "admin:criteria-withdraw": Row(EDITORS, of=draft, got=0, post={}, did=409),
    "admin:criteria-bounds": Row(EDITORS, of=draft, got=0, post={}),
    "admin:criteria-scope": Row(EDITORS, of=draft, post=on_draft),
    "admin:criteria-decision": Row(EDITORS, of=draft, post=on_draft, did=422),
    "admin:criterion-add": Row(EDITORS, of=draft, post=on_draft, did=422),
    "admin:criterion-edit": Row(EDITORS, of=criterion, post=on_draft, did=422),
    "admin:criterion-points": Row(EDITORS, of=criterion, got=0, post=lambda world: {"points": "7", **on_draft(world)}),
    "admin:criterion-move": Row(EDITORS, of=criterion, got=0, post=lambda world: {"to": "up", **on_draft(world)}),
    "admin:criterion-remove": Row(EDITORS, of=criterion, got=0, post=on_draft),
    "admin:criterion-restore": Row(EDITORS, of=lambda world: [world.draft.pk, world.removed], got=0, post={}),
    "admin:group-add": Row(EDITORS, of=draft, got=0, post=on_draft, did=422),
    "admin:group-edit": Row(EDITORS, of=lambda world: [world.draft.pk, world.group], got=0, post=on_draft, did=422),
    "admin:gate-add": Row(EDITORS, of=draft, post=on_draft, did=422),
    "admin:gate-edit": Row(EDITORS, of=lambda world: [world.draft.pk, world.gate], post=on_draft, did=422),
    "admin:gate-remove": Row(EDITORS, of=lambda world: [world.draft.pk, world.gate], got=0, post=on_draft),
    # hand-offs
    "admin:inbox": Row("rep other_rep manager"),
    "admin:inbox-pulse": Row("rep other_rep manager"),
    "admin:handoff-packet": Row(SEERS, of=handoff),
    "admin:handoff-row": Row("rep manager", of=handoff),
    "admin:handoff-accept": Row("rep", of=handoff, got=0, post={}),
    "admin:handoff-reject": Row("rep", of=handoff, post=lambda world: {"reason": world.reason.code, "note": "Not our market."}),
    "admin:handoff-undo": Row("rep", of=rejected, got=0, post={}),
    "admin:handoff-attempt": Row("rep manager head_of_sales", of=worked, got=0, post={"what": "call:reached"}),
    "admin:handoff-convert": Row("rep manager head_of_sales", of=worked, got=0, post={"convert-amount": "100"}),
    "admin:handoff-win": Row("rep manager head_of_sales", of=worked, got=0, post={"win-amount": "100"}),
    "admin:handoff-lose": Row("rep manager head_of_sales", of=worked, got=0, post=lambda world: {"lose-reason": world.loss.code}),
    "admin:handoff-give-up": Row("rep manager head_of_sales", of=worked, got=0, post={"give_up-note": "Nobody answers."}),
    "admin:policy-order": Row("admin", query={"try": "1", "tier": ""}),
    "admin:policy-move": Row("admin", got=0, post={"key": "standard", "way": "up", "order": ""}, did=404),
    "admin:policy-replan": Row("admin", of=lambda world: ["standard"], post={}, did=200),
    "admin:policy-switch": Row("admin", got=0, post={"key": "standard", "on": "0"}, did=422),
    "admin:handoff-pause": Row("rep manager head_of_sales", of=worked, got=0, post={"pause-reason": "Call me on Friday"}),
    "admin:handoff-resume": Row("rep manager head_of_sales", of=worked, got=0, post={}, did=409),
    "admin:handoff-reassign": Row(
        "manager head_of_sales admin",
        of=handoff,
        got=0,
        post=lambda world: {"reassign-to": world.stand_in.user_id, "reassign-reason": "Away"},
    ),
    "admin:handoff-withdraw": Row("manager head_of_sales admin", of=handoff, got=0, post={"withdraw-reason": "Came by mistake"}),
    "admin:handoff-settle": Row(MARKETING, of=rejected, got=0, post={}, did=422),
    "admin:handoff-nudge": Row("manager head_of_sales admin", of=handoff, got=0, post={}),
    "admin:answer-by-mail": Row(public=True, of=lambda world: ["made-up"], got=404, post={"answer": "accept"}, did=404),
    "admin:sla-board": Row("manager head_of_sales admin"),
    "admin:sla-board-pulse": Row("manager head_of_sales admin"),
    "admin:sla-board-export": Row("manager head_of_sales admin"),
    "admin:time-report": Row(f"manager {MARKETING} head_of_sales admin"),
    "admin:time-export": Row(f"manager {MARKETING} head_of_sales admin"),
    "admin:board-reassign": Row(
        "manager head_of_sales admin",
        of=handoff,
        got=0,
        post=lambda world: {"reassign-to": world.stand_in.user_id, "reassign-reason": "Away"},
    ),
    "admin:my-leave": Row("rep other_rep manager head_of_sales admin", got=302),
    "admin:rep-leave": Row("rep manager head_of_sales admin", away, post={"first": ""}, did=422),
    "admin:leave-file": Row("rep manager head_of_sales admin", away, got=0, post={}, did=422),
    "admin:leave-take-back": Row("rep manager head_of_sales admin", lambda world: [world.leave.pk], got=0, post={}),
    "admin:arithmetic": Row(query={"day": "2026-06-12", "time": "09:40", "length": "4 h", "calendar": "elapsed"}),
    "admin:handoff-clock": Row(SEERS, clock),
    "admin:calendar-holidays": Row("admin", calendar, post={"country": "XX", "subdivision": ""}, did=409),
    "admin:rep-cover": Row(
        "manager head_of_sales admin", of=lambda world: [world.handoff.owner_id], post={"what": "timed"}, did=422
    ),
    "admin:rejection-list": Row(MARKETING),
    "admin:rejection-export": Row(MARKETING),
    "admin:rejection-undo": Row(MARKETING, got=0, post=lambda world: {"ids": [world.rejected.pk]}),
    "admin:rejection-review": Row(MARKETING, got=0, post=lambda world: {"ids": [world.rejected.pk], "verdict": "agree"}),
    "admin:rejection-lines": Row(MARKETING, of=rejected),
    "admin:notification-list": Row(),
    "admin:notification-seen": Row(got=0, post={}),
    # the API asks for a key, not for a person; tests/intake holds what each key may do
    "api-docs": Row(),
    "api-1:openapi-json": Row(public=True),
    # the stock admin's own
    "admin:index": Row(" ".join(person for person in PEOPLE if "rep" not in person)),
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
    "leads_webhook": KEPT,
    "leads_mailtext": KEPT | {"delete": ADMIN},
    "handoff_workcalendar": KEPT | {"delete": ADMIN},  # one nobody works by
    "handoff_calendarday": EDITED,
    "handoff_slapolicy": KEPT | {"delete": ADMIN},  # one never used
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
