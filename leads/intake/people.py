"""One person while a batch is worked on: what is said of them, what wins, whether they can be reached, where they stand."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from leads import normalise
from leads.choices import Consent, ContactProblem, Stage
from leads.intake import store
from leads.intake.companies import Company
from leads.intake.incoming import Problem
from leads.intake.reading import Reading, problem
from leads.lib.folding import fold, search_text
from leads.normalise import Email, Phone

_fold = lru_cache(maxsize=50_000)(fold)

# Facts that are columns, by registry key; those of the contact, the company and the product are told apart.
COLUMNS = {
    "lead.first_name": "first_name",
    "lead.last_name": "last_name",
    "lead.job_title": "job_title",
    "lead.seniority": "seniority",
    "lead.department": "department",
    "lead.country": "country",
    "lead.language": "language",
    "lead.product_interest": "product_interest_id",
    "lead.consent": "consent",
}
_BLANK: dict[str, Any] = {
    "id": 0,
    "first_name": "",
    "last_name": "",
    "email": "",
    "email_key": "",
    "email_domain": "",
    "email_usable": False,
    "phone": "",
    "phone_e164": "",
    "job_title": "",
    "seniority": "",
    "department": "",
    "title_corrected": False,
    "country": "",
    "language": "",
    "company_id": None,
    "first_source": "",
    "first_campaign_id": None,
    "product_interest_id": None,
    "consent": Consent.UNKNOWN.value,
    "consent_at": None,
    "contactable": False,
    "contact_problem": "",
    "stage": "",
    "stage_reason": "",
    "return_on": None,
    "owner_id": None,
    "engagement_from": None,
    "sort_name": "",
    "search": "",
}
_values = itemgetter(*store.LEAD_COLUMNS)
_JSON_AT = tuple(store.LEAD_COLUMNS.index(name) for name in ("attributes", "field_times", "folded"))
# Said at intake, unless a field has a time of its own.
ALL = "*"


class Person:
    """A lead in a batch, stored already or to be. `changes` are those of a stored one, by registry key: [old, new]."""

    __slots__ = ("attributes", "changes", "company", "company_name", "edits", "is_new", "retimed", "row", "stage_was", "times")

    def __init__(self, row: dict[str, Any], *, is_new: bool, company_name: str = "") -> None:
        self.row = row
        self.is_new = is_new
        self.attributes: dict[str, object] = row["attributes"]
        self.times: dict[str, str] = row["field_times"]
        self.changes: dict[str, list[object]] = {}
        self.company: Company | None = None
        self.company_name = company_name
        self.stage_was: str = row["stage"]
        self.retimed = False
        self.edits = 0

    @classmethod
    def new(cls, said_at: datetime, at: datetime) -> "Person":
        """Somebody nobody knew, who came in when this was said."""
        row = _BLANK | {
            "attributes": {},
            "field_times": {ALL: said_at.isoformat()},
            "folded": {},
            "stage_since": said_at,
            "created_at": said_at,
            "updated_at": at,
        }
        return cls(row, is_new=True)

    def take(
        self, reading: Reading, *, product_id: int | None, source: str, campaign_id: int | None, said_at: datetime
    ) -> list[Problem]:
        """Keep what is said where it is the newest word; blank says nothing. Returns what was left out."""
        said = said_at.isoformat()
        row = self.row
        title_before, consent_before = row["job_title"], row["consent"]
        first_word = self.is_new and not self.edits
        for key, value in reading.facts.items():
            if first_word and key.startswith("custom."):
                self.attributes[key[7:]] = value
                self.edits += 1
                continue
            if key == "lead.product_interest":
                value = product_id
                if value is None:
                    continue
            if key in ("lead.seniority", "lead.department") and row["title_corrected"]:
                continue
            self._say(key, value, said)
        if row["job_title"] != title_before:
            self.derive_rank(reading.facts)
        left_out = self._take_contact(reading, said)
        if row["consent"] != consent_before:
            row["consent_at"] = said_at
        if source and not row["first_source"]:
            self._put("lead.first_source", "first_source", source)
        if campaign_id and not row["first_campaign_id"]:
            self._put("lead.first_campaign", "first_campaign_id", campaign_id)
        return left_out

    def derive_rank(self, said: Mapping[str, object]) -> None:
        """Seniority and department as the title has them, unless they are said themselves or a person corrected them."""
        if self.row["title_corrected"]:
            return
        for key, derived in zip(("lead.seniority", "lead.department"), normalise.title(self.row["job_title"]), strict=True):
            if key not in said:
                self._set(key, derived)

    def correct(self, key: str, value: object, said: str) -> None:
        """What a person says counts, blank included."""
        if key.startswith("custom."):
            if value is None:
                self._note(key, self.attributes.pop(key[7:], None), None)
            elif self.attributes.get(key[7:]) != value:
                self._set(key, value)
        else:
            self._put(key, COLUMNS[key], value)
        self.times[key] = said

    @staticmethod
    def blank(key: str) -> object:
        """How a column says that nothing is known."""
        return _BLANK[COLUMNS[key]]

    def leave_company(self) -> None:
        """Work for nobody known."""
        if self.row["company_id"] is not None:
            self._note("company.name", self.company_name, None)
            self.row["company_id"], self.company_name = None, ""

    def _say(self, key: str, value: object, said: str) -> None:
        custom = key.startswith("custom.")
        old = self.attributes.get(key[7:]) if custom else self.row[COLUMNS[key]]
        blank = old is None or old == "" or old == [] or (key == "lead.consent" and old == Consent.UNKNOWN)
        if not blank and said < self._said(key):
            return
        if not self.is_new or self.times[ALL] != said:
            if self.times.get(key, "") < said:
                self.times[key] = said
                self.retimed = True
        if old != value:
            self._set(key, value)

    def _said(self, key: str) -> str:
        return self.times.get(key) or self.times.get(ALL, "")

    def _set(self, key: str, value: object) -> None:
        if key.startswith("custom."):
            self._note(key, self.attributes.get(key[7:]), value)
            self.attributes[key[7:]] = value
            self.edits += 1
        else:
            self._put(key, COLUMNS[key], value)

    def _put(self, key: str, column: str, value: object) -> None:
        if self.row[column] != value:
            self._note(key, self.row[column], value)
            self.row[column] = value
            self.edits += 1

    def _note(self, key: str, old: object, new: object) -> None:
        if not self.is_new and old != new:
            first = self.changes.get(key, [old])[0]
            self.changes[key] = [first, new]

    def _take_contact(self, reading: Reading, said: str) -> list[Problem]:
        left_out = []
        row = self.row
        email = reading.email
        if email.given:
            if row["email"] and not email.usable and row["email_usable"] and email.key != row["email_key"]:
                left_out.append(problem("kept_usable_email", "lead.email", email.given, "usable; the known address stays"))
            elif (not row["email"] or said >= self._said("lead.email")) and (not row["email"] or email.key != row["email_key"]):
                self.set_email(email)
                self._retime("lead.email", said)
        phone = reading.phone
        if phone.given and not phone.usable and row["country"]:
            phone = normalise.phone(phone.given, row["country"])
        if phone.given:
            if not phone.usable:
                left_out.append(problem("bad_phone", "lead.phone", phone.given, "a phone number that can exist"))
            same = phone.e164 == row["phone_e164"] if phone.usable else phone.given == row["phone"]
            if not same and (phone.usable or not row["phone_e164"]) and (not row["phone"] or said >= self._said("lead.phone")):
                self.set_phone(phone)
                self._retime("lead.phone", said)
        return left_out

    def _retime(self, key: str, said: str) -> None:
        if not self.is_new:
            self.times[key] = said

    def set_email(self, email: Email) -> None:
        self._put("lead.email", "email", email.given)
        self.row["email_key"], self.row["email_domain"], self.row["email_usable"] = email.key, email.domain, email.usable

    def set_phone(self, phone: Phone) -> None:
        self._put("lead.phone", "phone", phone.given)
        self.row["phone_e164"] = phone.e164

    def belong_to(self, company: Company, said: str) -> None:
        """Work for `company` from now on."""
        if not self.is_new and self.row["company_id"] != company.row["id"]:
            self._note("company.name", self.company_name or None, company.name)
            self.times["company"] = said
        self.edits += 1
        self.company, self.company_name = company, company.name

    def may_change_company(self, said: str) -> bool:
        return said >= (self.times.get("company") or self.times.get(ALL, ""))

    def settle(self, at: datetime) -> None:
        """Work out what follows from the facts: whether and how the person can be reached, the stage, the words to search for."""
        row = self.row
        trouble = contact_problem(row)
        self._put("lead.contact_problem", "contact_problem", trouble)
        row["contactable"] = not trouble
        if not row["stage"]:
            row["stage"] = Stage.PROSPECT.value if row["contactable"] else Stage.INQUIRY.value
            row["stage_reason"] = "" if row["contactable"] else ContactProblem(trouble).label
        elif row["contactable"] and row["stage"] == Stage.INQUIRY:
            row["stage"], row["stage_since"], row["stage_reason"] = Stage.PROSPECT.value, at, "Can be reached now"
        elif not row["contactable"] and row["stage"] == Stage.PROSPECT:
            row["stage"], row["stage_since"], row["stage_reason"] = Stage.INQUIRY.value, at, ContactProblem(trouble).label
        elif not row["contactable"] and row["stage"] == Stage.INQUIRY:
            row["stage_reason"] = ContactProblem(trouble).label
        row["sort_name"] = fold(f"{row['last_name']} {row['first_name']}").strip()[:250]
        row["search"] = search_text(
            row["first_name"], row["last_name"], row["email"], self.company.name if self.company else self.company_name
        )
        row["folded"] = folded_facts(row, self.attributes)
        if self.changes or self.moved:
            row["updated_at"] = at

    def end_by(self, told: tuple[Stage, str] | None) -> None:
        """Somebody new goes on at once to where the outcome that came along puts them; of several the last counts."""
        self.stage_was = self.stage_was or self.row["stage"]
        self.row["stage"], self.row["stage_reason"] = (
            (told[0].value, told[1]) if told else (self.stage_was, self.row["stage_reason"])
        )

    @property
    def moved(self) -> bool:
        return bool(self.stage_was) and bool(self.row["stage"] != self.stage_was)

    @property
    def is_dirty(self) -> bool:
        """Whether a stored lead has to be written back."""
        return bool(self.changes) or self.moved or self.retimed

    def stored(self) -> list[object]:
        """The row as `copy` writes it."""
        values = list(_values(self.row))
        for at in _JSON_AT:
            values[at] = store.as_json(values[at])
        return values


def contact_problem(row: Mapping[str, Any]) -> str:
    """Why somebody cannot be reached, "" when they can: a usable address or number is enough."""
    if row["email_usable"] or row["phone_e164"]:
        return ""
    if not row["email"]:
        return ContactProblem.BAD_PHONE.value if row["phone"] else ContactProblem.NO_CONTACT.value
    if row["email_domain"] and normalise.email(row["email"]).is_disposable:
        return ContactProblem.DISPOSABLE_EMAIL.value
    return ContactProblem.BAD_BOTH.value if row["phone"] else ContactProblem.BAD_EMAIL.value


def folded_facts(row: Mapping[str, Any], attributes: Mapping[str, object]) -> dict[str, str]:
    """The text facts as they are compared, by column and, for custom fields, by registry key; blank ones left out."""
    folded = {}
    for name in ("job_title", "first_source", "email_domain"):
        if row[name]:
            folded[name] = _fold(row[name])
    for key, value in attributes.items():
        if isinstance(value, str) and value:
            folded[f"custom.{key}"] = _fold(value)
    return folded
