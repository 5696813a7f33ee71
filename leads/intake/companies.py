"""Which company a lead works for: by the domain, else by the folded name; one company however often it comes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from leads.copying import copy
from leads.intake import store
from leads.intake.reading import Reading
from leads.lib.folding import fold
from leads.normalise import is_free_mail

LONGEST_KEY = 200
_COLUMNS = {
    "company.industry": "industry",
    "company.employees": "employees",
    "company.revenue": "revenue",
    "company.country": "country",
    "company.is_customer": "is_customer",
    "company.is_competitor": "is_competitor",
}


class Changed(Exception):
    """A row is no longer what it was when it was read: start again."""


class Company:
    """A company in a batch, stored already or to be."""

    __slots__ = ("edits", "is_new", "row", "seen")

    def __init__(self, row: dict[str, Any], *, is_new: bool) -> None:
        self.row = row
        self.is_new = is_new
        self.edits = 0
        self.seen = dict(row)

    @property
    def changed(self) -> bool:
        return self.edits > 0

    @property
    def name(self) -> str:
        return str(self.row["name"])

    def fold(self) -> None:
        self.row["folded"] = {name: fold(self.row[name]) for name in ("name", "industry", "domain") if self.row[name]}


def name_key(name: str) -> str:
    """The key by which two spellings of a company's name are the same."""
    return fold(name).strip()[:LONGEST_KEY].strip()


def wanted(reading: Reading) -> tuple[str, str]:
    """(domain, name) of the company that an item speaks of; the address's domain counts unless anybody can have one there."""
    domain = str(reading.company.get("company.domain", ""))
    if domain and is_free_mail(domain):
        domain = ""
    if not domain and reading.email.usable and not reading.email.is_free:
        domain = reading.email.domain
    return domain, str(reading.company.get("company.name", ""))


class Companies:
    """The companies a batch speaks of. Reads once, then decides in memory; `write` stores what is new or changed."""

    def __init__(self, readings: Iterable[Reading], *, ids: Iterable[int] = ()) -> None:
        pairs = [wanted(reading) for reading in readings]
        rows = store.find_companies(
            sorted({domain for domain, _ in pairs if domain}),
            sorted({name_key(name) for _, name in pairs if name}),
            sorted(set(ids)),
        )
        self._by_domain: dict[str, Company] = {}
        self._by_name: dict[str, list[Company]] = {}
        self.by_id: dict[int, Company] = {}
        self._new: list[Company] = []
        for row in rows:
            self._remember(Company(row, is_new=False))

    def _remember(self, company: Company) -> None:
        row = company.row
        if row["domain"]:
            self._by_domain[row["domain"]] = company
        if row["name_key"]:
            self._by_name.setdefault(row["name_key"], []).append(company)
        if row["id"]:
            self.by_id[row["id"]] = company

    def find(self, domain: str, name: str) -> Company | None:
        """The company there is. A name alone means the one without a domain, or the only one of that name."""
        if domain and (found := self._by_domain.get(domain)):
            return found
        same_name = self._by_name.get(name_key(name), []) if name else []
        without_domain = next((company for company in same_name if not company.row["domain"]), None)
        if domain:
            return without_domain
        return without_domain or (same_name[0] if len(same_name) == 1 else None)

    def take(self, domain: str, name: str, facts: Mapping[str, object], at: datetime, *, overwrite: bool) -> Company | None:
        """The company of that domain or name, made if need be; what is said of it fills blanks or overwrites all."""
        if not domain and not name:
            return None
        company = self.find(domain, name)
        if company is None:
            company = Company(
                {
                    "id": 0,
                    "name": name or domain[:LONGEST_KEY],
                    "name_key": name_key(name or domain),
                    "domain": domain,
                    "industry": "",
                    "employees": None,
                    "revenue": None,
                    "country": "",
                    "is_customer": False,
                    "is_competitor": False,
                    "folded": {},
                    "created_at": at,
                    "updated_at": at,
                },
                is_new=True,
            )
            self._remember(company)
            self._new.append(company)
        self.say(company, domain, name, facts, overwrite)
        return company

    def say(self, company: Company, domain: str, name: str, facts: Mapping[str, object], overwrite: bool) -> None:
        """Keep what is said of a company there is."""
        row = company.row
        if domain and not row["domain"]:
            row["domain"] = domain
            self._by_domain[domain] = company
            company.edits += 1
        nameless = row["name"] == row["domain"] or not row["name"]
        if name and name != row["name"] and (overwrite or nameless):
            row["name"], row["name_key"] = name, name_key(name)
            self._by_name.setdefault(row["name_key"], []).append(company)
            company.edits += 1
        for key, column in _COLUMNS.items():
            said = facts.get(key)
            if said is None or said == row[column]:
                continue
            if overwrite or row[column] in (None, "", False):
                row[column] = said
                company.edits += 1

    @property
    def new_count(self) -> int:
        return len(self._new)

    def write(self, ids: list[int], at: datetime) -> list[int]:
        """Store what is new (under these ids) and, as of `at`, what changed; returns the ids of the changed. Raises Changed when overtaken."""
        changed = sorted((company for company in self.by_id.values() if company.changed), key=lambda company: company.row["id"])
        if changed:
            now_stored = {row["id"]: row for row in store.lock_companies(company.row["id"] for company in changed)}
            for company in changed:
                if now_stored.get(company.row["id"]) != company.seen:
                    raise Changed
                company.fold()
                company.row["updated_at"] = at
            store.update_companies([company.row for company in changed])
        self._new.sort(key=lambda company: (company.row["domain"], company.row["name_key"]))
        for company, pk in zip(self._new, ids, strict=True):
            company.row["id"] = pk
            company.fold()
        if self._new:
            copy("leads_company", store.COMPANY_COLUMNS, (_stored(company.row) for company in self._new))
        return [company.row["id"] for company in changed]


def _stored(row: dict[str, Any]) -> list[object]:
    return [store.as_json(row[name]) if name == "folded" else row[name] for name in store.COMPANY_COLUMNS]
