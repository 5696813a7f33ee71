"""What is said about one criterion, in full: the threads, and the leads that stand for it or against it."""

from dataclasses import dataclass, field
from typing import Any

from leads.models import Lead, User
from scoring.compiler import criterion_data
from scoring.models import Criterion, CriterionComment, CriterionExample, ModelVersion
from scoring.suggested import is_usable
from scoring.workshop import Row


@dataclass(slots=True)
class Thread:
    """What was said, with its replies; `is_usable` where it is a suggestion that gives the criterion other points."""

    comment: CriterionComment
    replies: list[CriterionComment] = field(default_factory=list)
    is_usable: bool = False


def threads_of(criterion: Criterion) -> list[Thread]:
    """All that was said, the open threads first, each in the order it was said."""
    found: dict[int, Thread] = {}
    words = CriterionComment.objects.filter(criterion=criterion).select_related("author", "resolved_by")
    now = criterion_data(criterion)
    for comment in words.order_by("created_at", "pk"):
        if comment.reply_to_id is None:
            found[comment.pk] = Thread(comment, is_usable=is_usable(comment, now))
        elif comment.reply_to_id in found:
            found[comment.reply_to_id].replies.append(comment)
    return sorted(found.values(), key=lambda thread: thread.comment.resolved_at is not None)


@dataclass(slots=True)
class ShownExample:
    """An example; `lead` is None when the reader may not see the lead."""

    example: CriterionExample
    lead: Lead | None


def examples_of(criterion_id: int, reader: User) -> list[ShownExample]:
    stored = list(
        CriterionExample.objects.filter(criterion=criterion_id).select_related("added_by", "case").order_by("is_counter", "pk")
    )
    ids = [one.lead_id or (one.case.lead_id if one.case else None) for one in stored]
    seen = {
        lead.pk: lead
        for lead in Lead.objects.visible_to(reader).filter(pk__in=[pk for pk in ids if pk]).select_related("company")
    }
    return [ShownExample(one, seen.get(pk or 0)) for one, pk in zip(stored, ids, strict=True)]


def talk_panel(version: ModelVersion, row: Row, reader: User) -> dict[str, Any]:
    """The context of the talk about one criterion."""
    return {
        "version": version,
        "row": row,
        "threads": threads_of(row.stored),
        "examples": examples_of(row.stored.pk, reader),
        "side": reader.side,
    }
