"""The research behind a model, and the questions both sides ask a lead."""

from collections.abc import Mapping

from django.db import transaction

from leads.actions.authority import demand
from leads.errors import Invalid, NotAllowed
from leads.models import User
from scoring.actions.drafting import EDIT
from scoring.actions.talk import DISCUSS
from scoring.models import ModelResearch, Question, ScoringModel

PARTS = ("personas", "journey", "channels", "behaviour", "sources")
LONGEST = 10_000


def save_research(model: ScoringModel, parts: Mapping[str, str], *, actor: User | None) -> ModelResearch:
    """Write down what the model is founded on. Raises Invalid naming the part that is too long, NotAllowed."""
    demand(actor, EDIT, to="write down the research behind a model")
    found = {name: parts.get(name, "").strip() for name in PARTS}
    for name, text in found.items():
        if len(text) > LONGEST:
            raise Invalid(f"This has more than {LONGEST:,} letters.", code="too_long", field=name, value=len(text))
    research, _ = ModelResearch.objects.update_or_create(model=model, defaults=found)
    return research


def add_question(model: ScoringModel, topic: str, text: str, *, actor: User) -> Question:
    """Note what one's side asks a lead. Raises Invalid, and NotAllowed for who speaks for no side."""
    demand(actor, DISCUSS, to="note what your side asks")
    if actor.side is None:
        raise NotAllowed("Only people of marketing or of sales can say what their side asks.")
    topic, text = topic.strip(), text.strip()
    for name, value, most in (("topic", topic, 60), ("text", text, 240)):
        if not value or len(value) > most:
            words = "Say what the question is about." if name == "topic" else "Write the question."
            raise Invalid(words if not value else f"At most {most} letters.", code="wrong_length", field=name, value=value)
    with transaction.atomic():
        ScoringModel.objects.select_for_update(no_key=True).get(pk=model.pk)
        known = model.questions.filter(topic__iexact=topic).values_list("topic", flat=True).first()
        if model.questions.filter(side=actor.side, text__iexact=text).exists():
            raise Invalid("Your side asks this already.", code="double", field="text", value=text, expected="another question")
        return Question.objects.create(model=model, side=actor.side, topic=known or topic, text=text, added_by=actor)


def remove_question(question: Question, *, actor: User) -> None:
    """Take away a question of one's own side."""
    demand(actor, DISCUSS, to="take away a question")
    if actor.side != question.side:
        raise NotAllowed("Only the side that asks a question can take it away.")
    question.delete()
