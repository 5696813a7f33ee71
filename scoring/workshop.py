"""A draft as the workshop page shows it to one person: rows in their groups, the log in words, what changed since a revision."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any

from django.db.models import QuerySet

from leads.models import User
from leads.roles import Side
from scoring.actions.drafting import changed_fields, thing_of, who_of
from scoring.compiler import Rows
from scoring.describe import CriterionRow, Described, describe
from scoring.edit_words import detail_of
from scoring.models import Criterion, CriterionGroup, CriterionView, DraftEvent, ModelVersion, TalkEvent
from scoring.talk import CriterionTalk, Said, said_about, talk_of

SHOWN_EDITS = 8


@dataclass(slots=True)
class Row:
    """A criterion with its words, what is stored of it, and the talk about it."""

    words: CriterionRow
    stored: Criterion
    talk: CriterionTalk
    changed_by: str = ""

    @property
    def key(self) -> str:
        return self.words.key

    @property
    def stamp(self) -> str:
        """Changes when what the row shows does: a browser that has it already leaves it alone."""
        said = [(one.need, one.points, one.is_hidden, one.is_asked, one.verdict) for one in self.talk.views]
        text = f"{self.words.first}{self.words.last}{said}{self.talk.open_comments}.{self.talk.comments}"
        return f"{self.stored.rev}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(slots=True)
class Block:
    """Fit or engagement."""

    key: str
    label: str
    bounds: str
    rows: list[Row]
    groups: list[CriterionGroup]


@dataclass(slots=True)
class Workshop:
    version: ModelVersion
    described: Described
    blocks: list[Block]
    log: list["LogLine"]

    @property
    def rows(self) -> dict[str, Row]:
        return {row.key: row for block in self.blocks for row in block.rows}

    @property
    def count(self) -> int:
        return self.described.count

    @property
    def open_comments(self) -> list[Row]:
        return [row for block in self.blocks for row in block.rows if row.talk.open_comments]

    @property
    def gaps(self) -> int:
        return sum(bool(row.talk.gap) for block in self.blocks for row in block.rows)

    @property
    def agreed(self) -> int:
        return sum(row.talk.is_agreed for block in self.blocks for row in block.rows)


@dataclass(frozen=True, slots=True)
class _Read:
    """A draft as read from the database: the same for all readers."""

    described: Described
    stored: dict[str, Criterion]
    groups: list[CriterionGroup]
    said: Said
    log: list["LogLine"]


def _read(version: ModelVersion) -> _Read:
    rows = Rows.of(version)
    stored = {row.key: row for row in rows.criteria}
    said = said_about([row.pk for row in stored.values()])
    labels = {key: row.label for key, row in stored.items()}
    return _Read(describe(version, rows), stored, rows.groups, said, log_of(version, labels))


_SHARED_S = 3.0  # names of fields and assets may be this late on other people's screens
_MOST_SHARED = 16
_shared: OrderedDict[tuple[int, int, int], tuple[float, _Read]] = OrderedDict()
_lock = Lock()


def _read_for_all(version: ModelVersion) -> _Read:
    """One reading of a revision for all who ask what changed: after an edit everybody does, within two seconds."""
    key, now = (version.pk, version.rev, version.talk), monotonic()
    with _lock:
        held = _shared.get(key)
    if held is not None and now - held[0] < _SHARED_S:
        return held[1]
    made = _read(version)
    with _lock:
        _shared[key] = (now, made)
        while len(_shared) > _MOST_SHARED:
            _shared.popitem(last=False)
    return made


def workshop(version: ModelVersion, reader: User, *, shared: bool = False) -> Workshop:
    """The whole draft for one reader; a fixed number of queries, with `shared` none while others asked for the same just now."""
    read = _read_for_all(version) if shared else _read(version)
    talk = talk_of(version, read.stored.values(), reader, read.said)
    blocks = []
    for block in read.described.dimensions:
        rows = [Row(words, read.stored[words.key], talk[words.key]) for words in block.rows if words.key in read.stored]
        own = [group for group in read.groups if group.dimension == block.key]
        blocks.append(Block(block.key, block.label, block.bounds, rows, own))
    return Workshop(version, read.described, blocks, read.log)


# --- The log ------------------------------------------------------------------------------------------------------------

_VERBS = {
    "add_criterion": "added",
    "edit_criterion": "changed",
    "move_criterion": "moved",
    "remove_criterion": "removed",
    "restore_criterion": "put back",
    "add_group": "added the group",
    "edit_group": "changed the group",
    "remove_group": "removed the group",
    "restore_group": "put back the group",
    "add_gate": "added the gate",
    "edit_gate": "changed the gate",
    "remove_gate": "removed the gate",
    "restore_gate": "put back the gate",
    "add_evidence": "added the evidence",
    "remove_evidence": "took away the evidence",
    "restore_evidence": "put back the evidence",
    "set_decision": "changed how it decides",
    "set_bounds": "changed the bounds",
    "set_scope": "changed whom it judges",
}


@dataclass(slots=True)
class LogLine:
    """An edit in words, or an answer of a blind round that was changed after the other side's was known."""

    edit: DraftEvent | TalkEvent
    who: str
    did: str
    target: str
    detail: str
    is_undone: bool = False
    can_be_undone: bool = True


def log_of(version: ModelVersion, labels: dict[str, str]) -> list[LogLine]:
    """What was done to a draft last, in words, the newest first. Three queries."""
    edits = version.edits.select_related("actor")[:SHOWN_EDITS]
    lines = [*edits_in_words(edits, labels), *changed_answers(version.talk_events.all(), labels)]
    return sorted(lines, key=lambda line: line.edit.at, reverse=True)[:SHOWN_EDITS]


def changed_answers(steps: QuerySet[TalkEvent], labels: dict[str, str]) -> list[LogLine]:
    """The answers of blind rounds that were changed after the other side's were known, among these steps. One query."""
    return [
        LogLine(
            step,
            step.actor.get_full_name() if step.actor else "The portal",
            f"changed the blind answer of {Side(step.after['side']).label.lower()} once it was known, on",
            f"“{labels.get(step.target, step.target)}”",
            f"{_answer(step.before)} → {_answer(step.after)}",
            can_be_undone=False,
        )
        for step in steps.exclude(after=None).select_related("actor")
        if step.before and step.after
    ]


def _answer(said: dict[str, Any]) -> str:
    need = CriterionView.Need(said["need"]).label.lower()
    return need if said["points"] is None else f"{need}, {said['points']} points"


def edits_in_words(edits: Iterable[DraftEvent], labels: dict[str, str]) -> list[LogLine]:
    """Edits in words, in their order; `labels` names criteria that an edit knows by their key alone. One query beside theirs."""
    listed = list(edits)
    undone = set(DraftEvent.objects.filter(undoes__in=[edit.pk for edit in listed]).values_list("undoes", flat=True))
    return [
        LogLine(
            edit,
            who_of(edit),
            ("took back: " if edit.undoes_id else "") + _VERBS.get(edit.verb, edit.verb),
            _target(edit, labels),
            detail_of(edit),
            edit.pk in undone,
        )
        for edit in listed
    ]


def _target(edit: DraftEvent, labels: dict[str, str]) -> str:
    if not edit.target:
        return ""
    for content in (edit.after, edit.before):
        if isinstance(content, dict) and content.get("label"):
            return f"“{content['label']}”"
    return f"“{labels.get(edit.target, edit.target)}”"


# --- What changed -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Changes:
    """What is different since a revision and a step of the talk: whole sections by name, rows by key with who changed them."""

    sections: set[str]
    rows: dict[str, str]

    @property
    def is_nothing(self) -> bool:
        return not self.sections and not self.rows


_SECTIONS = {
    "group": {"criteria", "groups"},
    "gate": {"gates"},
    "decision": {"decision"},
    "bounds": {"groups", "criteria"},
    "scope": {"scope"},
    "evidence": {"signing"},
}


APART = ("draw_samples", "judge_sample", "undo_sample")  # steps of the talk that other pages show


def changes_since(version: ModelVersion, rev: int, talk: int) -> Changes:
    """What others' browsers have to draw anew. Two queries."""
    changes = Changes(set(), {})
    if rev != version.rev:
        for edit in version.edits.filter(rev__gt=rev).select_related("actor").order_by("rev"):
            thing = thing_of(edit.verb)
            if thing == "criterion":
                if edit.verb == "edit_criterion" and "dimension" not in changed_fields(edit):
                    changes.rows[edit.target] = who_of(edit)
                else:
                    changes.sections.add("criteria")
            else:
                changes.sections |= _SECTIONS[thing]
        changes.sections |= {"head", "edits"}
    if talk != version.talk:
        for step in version.talk_events.filter(no__gt=talk).select_related("actor").order_by("no"):
            if step.verb in APART:
                continue
            if step.after is not None:
                changes.sections.add("edits")
            if step.target:
                changes.rows.setdefault(step.target, step.actor.get_full_name() if step.actor else "")
            else:
                changes.sections.add("criteria")
        changes.sections |= {"head", "words"}
    return changes
