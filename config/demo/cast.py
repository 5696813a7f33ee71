"""The people of the invented company Harborline, who sells software to firms that move goods."""

from dataclasses import dataclass
from datetime import date

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from handoff.models import Rep
from leads.models import Team, TeamMember, User
from leads.roles import BY_KEY

PASSWORD = "accord-demo-2026"  # noqa: S105 - printed to whoever starts the trial; the trial binds to this machine only


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    roles: tuple[str, ...]
    does: str
    team: str = ""
    manages: bool = False
    weekly: int = 0
    # Share of hand-offs answered within the promised time.
    prompt: float = 1.0


CAST = (
    Person("Maya Ortiz", "maya@harborline.example", ("marketing", "marketing_ops"), "marketing: criteria, rejections, imports"),
    Person("Hanna Lindqvist", "hanna@harborline.example", ("head_of_marketing",), "head of marketing"),
    Person("Jonas Weber", "jonas@harborline.example", ("head_of_sales",), "head of sales"),
    Person(
        "Mona Keller", "mona@harborline.example", ("sales_manager",), "sales manager: the team's hand-offs", "Inside sales", True
    ),
    Person("Ben Hale", "ben@harborline.example", ("rep",), "rep: inbox", "Inside sales", weekly=14, prompt=0.86),
    Person("Chloe Ng", "chloe@harborline.example", ("rep",), "rep", "Inside sales", weekly=14, prompt=0.97),
    Person("Dev Rao", "dev@harborline.example", ("rep",), "rep", "Inside sales", weekly=12, prompt=0.68),
    Person("Lea Patel", "lea@harborline.example", ("rep",), "rep", "Inside sales", weekly=14, prompt=0.93),
    Person("Tom Novak", "tom@harborline.example", ("rep",), "rep", "Inside sales", weekly=10, prompt=0.88),
    Person("Ines Duarte", "ines@harborline.example", ("rep",), "rep", "Inside sales", weekly=14, prompt=0.95),
)
ADMINISTRATOR = Person("Ada Brandt", "ada@harborline.example", ("administrator",), "administrator: setup, users, calendars")
SHOWN = (
    "maya@harborline.example",
    "hanna@harborline.example",
    "ben@harborline.example",
    "mona@harborline.example",
    "jonas@harborline.example",
    "ada@harborline.example",
)


def create_cast(started_on: date) -> dict[str, User]:
    """Create the people with their roles, team and rep records; returns them by first name in small letters."""
    people: dict[str, User] = {}
    password = make_password(PASSWORD)  # slow on purpose, so once for all
    for person in (*CAST, ADMINISTRATOR):
        user = User.objects.create(email=person.email, password=password, full_name=person.name, time_zone="Europe/Berlin")
        user.groups.set(Group.objects.filter(name__in=[BY_KEY[role].label for role in person.roles]))
        people[person.name.split()[0].lower()] = user
        if person.team:
            team, _ = Team.objects.get_or_create(name=person.team)
            TeamMember.objects.create(team=team, user=user, is_manager=person.manages)
        if "rep" in person.roles:
            Rep.objects.create(user=user, weekly_capacity=person.weekly, open_cap=30, started_on=started_on)
    return people


def promptness() -> dict[str, float]:
    """The share of hand-offs each rep answers in time, by e-mail address."""
    return {person.email: person.prompt for person in CAST if "rep" in person.roles}
