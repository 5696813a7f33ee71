"""What Harborline's people said about the next draft before they meet: two views of the same leads."""

from datetime import timedelta

from leads import clock
from leads.models import User
from scoring.actions.research import add_question, save_research
from scoring.actions.talk import add_comment, give_verdict, state_view
from scoring.models import Criterion, ModelVersion

# Criterion, who speaks, how much it matters, the points they want.
VIEWS = (
    ("size", "maya", "nice", 12),
    ("size", "mona", "required", 15),
    ("decider", "maya", "nice", 8),
    ("decider", "mona", "required", 15),
    ("demo", "maya", "required", 18),
    ("demo", "mona", "required", 18),
    ("content", "maya", "nice", 7),
    ("content", "mona", "irrelevant", 2),
    ("pricing", "maya", "nice", 9),
    ("soon", "maya", "required", 12),
)
AGREED = ("industry", "country", "demo", "pricing", "unsubscribed")
DISPUTED = "content"
RESEARCH = {
    "personas": "Head of logistics at a shipper with 200 to 5,000 people, and the operations manager who lives with the yard every day.",
    "journey": "A missed slot or a fine starts the search; four to nine weeks of reading; a demonstration with operations; then procurement.",
    "channels": "Trade fairs and paid search bring most; partners bring few, and the best.",
    "behaviour": "Whoever looks at prices twice asks for a demonstration within two weeks or never.",
    "sources": "Twelve talks with customers in spring, and the reasons reps gave for rejecting.",
}
QUESTIONS = (
    ("maya", "When", "When would you like to have solved this?"),
    ("mona", "When", "What happens if nothing changes this year?"),
    ("maya", "Role", "What is your role in the choice?"),
    ("mona", "Budget", "Is there a budget, and who releases it?"),
    ("mona", "Today", "Which tool do you use today, and until when?"),
)


def talk_it_over(draft: ModelVersion, people: dict[str, User]) -> None:
    """Both sides' views, what they agree on already, one dispute with its words, and what the model rests on."""
    rows: dict[str, Criterion] = {row.key: row for row in draft.criteria.select_related("version")}
    for key, name, need, points in VIEWS:
        state_view(rows[key], need=need, points=points, actor=people[name])
    for key in AGREED:
        for name in ("maya", "mona"):
            give_verdict(rows[key], "agree", seen_hash=rows[key].content_hash, actor=people[name])
    disputed = rows[DISPUTED]
    give_verdict(disputed, "disagree", seen_hash=disputed.content_hash, actor=people["mona"])
    now = clock.now()
    with clock.frozen(now - timedelta(hours=20)):
        doubt = add_comment(
            disputed,
            "Half of them wanted the e-book and nothing else. My team calls them twice for nothing.",
            actor=people["mona"],
        )
    with clock.frozen(now - timedelta(hours=3)):
        add_comment(disputed, "Shall we try 3 and look at what it would have lost us?", actor=people["maya"], reply_to=doubt)
    save_research(draft.model, RESEARCH, actor=people["maya"])
    for name, topic, text in QUESTIONS:
        add_question(draft.model, topic, text, actor=people[name])
