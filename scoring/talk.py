"""The talk about a draft as one person may see it: both sides' views with the gap, verdicts, open words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count

from leads.models import User
from leads.roles import Side
from scoring.models import Criterion, CriterionComment, CriterionView, ModelVersion


@dataclass(slots=True)
class SideView:
    """One side's view of a criterion. `is_hidden`: stated in a blind round in which the reader's side has not spoken yet."""

    side: Side
    view: CriterionView | None = None
    is_hidden: bool = False
    is_own: bool = False
    is_asked: bool = False
    verdict: str = ""  # agree, disagree, or "past" when it was given on another content

    @property
    def label(self) -> str:
        return self.side.label

    @property
    def initial(self) -> str:
        return self.side.label[0]

    @property
    def need(self) -> str:
        return CriterionView.Need(self.view.need).label.lower() if self.view and self.view.need and not self.is_hidden else ""

    @property
    def points(self) -> int | None:
        return self.view.points if self.view and not self.is_hidden else None


@dataclass(slots=True)
class CriterionTalk:
    """What is said about one criterion, as `reader` sees it."""

    views: list[SideView]
    gap: str = ""
    gap_points: int = 0
    open_comments: int = 0
    comments: int = 0
    people: list[User] = field(default_factory=list)

    @property
    def is_agreed(self) -> bool:
        return all(one.verdict == "agree" for one in self.views)

    @property
    def is_said(self) -> bool:
        """Whether anybody has a view that can be shown, or stated one that cannot yet."""
        return any(one.need or one.is_hidden for one in self.views)

    @property
    def own(self) -> SideView | None:
        return next((one for one in self.views if one.is_own), None)


def _is_answer(view: CriterionView | None, blind_from: datetime | None) -> bool:
    """Whether a side stated its view, in a blind round since that began."""
    if view is None or not view.need or view.answered_at is None:
        return False
    return blind_from is None or view.answered_at >= blind_from


def side_views(
    stored: Mapping[str, CriterionView], content_hash: str, side: Side | None, blind_from: datetime | None
) -> list[SideView]:
    """Both sides' views of a criterion. In a blind round the reader's side sees the other's only once both have answered."""
    found = []
    have_all = all(_is_answer(stored.get(one), blind_from) for one in Side)
    for one in Side:
        view = stored.get(one)
        is_own = one == side
        hides = blind_from is not None and not is_own and not have_all
        verdict = "" if hides else _verdict(view, content_hash)
        found.append(
            SideView(
                one,
                view if not hides else None,
                is_hidden=hides and _is_answer(view, blind_from),
                is_own=is_own,
                is_asked=blind_from is not None and not _is_answer(view, blind_from),
                verdict=verdict,
            )
        )
    return found


def _verdict(view: CriterionView | None, content_hash: str) -> str:
    if view is None or not (view.agreed_hash or view.disagreed_hash):
        return ""
    if content_hash not in (view.agreed_hash, view.disagreed_hash):
        return "past"
    return "agree" if view.agreed_hash else "disagree"


def _gap(views: list[SideView]) -> tuple[str, int]:
    """What parts the two sides, in words, and by how many points."""
    first, second = views
    if not (first.need and second.need):
        return "", 0
    words = [] if first.need == second.need else [f"{first.need} against {second.need}"]
    points = abs((first.points or 0) - (second.points or 0)) if None not in (first.points, second.points) else 0
    if points:
        words.append(f"{points} point{'' if points == 1 else 's'} apart")
    return ", ".join(words), points


@dataclass(slots=True)
class Said:
    """What is stored of the talk about some criteria, by their ids, before it is seen by anybody."""

    views: dict[int, dict[str, CriterionView]]
    counts: dict[int, int]
    threads: dict[int, int]
    people: dict[int, dict[int, User]]


def said_about(ids: list[int]) -> Said:
    """Views, numbers of comments, open threads and who opened them. Three queries, whatever the number of criteria."""
    views: dict[int, dict[str, CriterionView]] = defaultdict(dict)
    for view in CriterionView.objects.filter(criterion__in=ids).select_related("answered_by", "agreed_by"):
        views[view.criterion_id][view.side] = view
    counts = dict(CriterionComment.objects.filter(criterion__in=ids).values_list("criterion").annotate(Count("pk")))
    people: dict[int, dict[int, User]] = defaultdict(dict)
    threads: dict[int, int] = defaultdict(int)
    open_ones = CriterionComment.objects.filter(criterion__in=ids, resolved_at=None, reply_to=None).select_related("author")
    for comment in open_ones.order_by("-created_at"):
        threads[comment.criterion_id] += 1
        if comment.author is not None:
            people[comment.criterion_id][comment.author.pk] = comment.author
    return Said(dict(views), counts, dict(threads), dict(people))


def talk_of(
    version: ModelVersion, criteria: Iterable[Criterion], reader: User, said: Said | None = None
) -> dict[str, CriterionTalk]:
    """The talk by the key of the criterion, as `reader` may see it."""
    rows = list(criteria)
    known = said_about([row.pk for row in rows]) if said is None else said
    side = reader.side
    found = {}
    for row in rows:
        views = side_views(known.views.get(row.pk, {}), row.content_hash, side, version.blind_from)
        gap, points = _gap(views)
        talkers = list(known.people.get(row.pk, {}).values())[:3]
        found[row.key] = CriterionTalk(views, gap, points, known.threads.get(row.pk, 0), known.counts.get(row.pk, 0), talkers)
    return found
