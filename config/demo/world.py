"""Invented companies and people, the same for the same seed."""

from dataclasses import dataclass
from random import Random

INDUSTRIES = {
    # industry: (share, how well the products fit, 0 to 1)
    "Logistics": (0.22, 0.95),
    "Manufacturing": (0.22, 0.85),
    "Retail": (0.14, 0.70),
    "Food and beverage": (0.10, 0.75),
    "Wholesale": (0.08, 0.80),
    "Healthcare": (0.06, 0.35),
    "Education": (0.06, 0.05),
    "Public sector": (0.05, 0.10),
    "Software": (0.07, 0.15),
}
COUNTRIES = {
    "DE": 0.34,
    "NL": 0.16,
    "AT": 0.08,
    "CH": 0.07,
    "FR": 0.09,
    "SE": 0.07,
    "GB": 0.10,
    "PL": 0.05,
    "US": 0.03,
    "BR": 0.01,
}
SERVED = frozenset({"DE", "NL", "AT", "CH", "FR", "SE", "GB", "PL"})
# What a number of seven more digits begins with, so that it can exist in the country.
DIALLING = {"DE": "+49 30 ", "NL": "+31 20 ", "AT": "+43 1 ", "CH": "+41 44 ", "FR": "+33 1 4", "SE": "+46 8 ", "GB": "+44 20 7",
            "PL": "+48 22 ", "US": "+1 212 ", "BR": "+55 11 3"}  # fmt: skip
FIRST = (
    "Anna Ben Carla David Elif Felix Greta Hugo Ivy Jan Katrin Luis Maria Nils Olga Paul Quentin Rosa Sven Tara Ugo Vera "
    "Wim Yara Zoe Aisha Bruno Chiara Dario Emma Finn Gina Henrik Ida Jonas Kofi Lena Marek Noor Oskar Priya Rafael Sara "
    "Tom Ulla Viktor Wanda"
).split()
LAST = (
    "Okafor Fischer Lindholm Moreau Novak Patel Brandt Silva Haddad Weber Janssen Kowalski Rossi Schmid Becker Dubois "
    "Larsen Meyer Nowak Olsen Peters Richter Santos Tanaka Ulrich Visser Wagner Yilmaz Zeller Adler Bakker Costa "
    "Dietrich Ekholm Fuchs Gruber Hansen Ivanov Jensen Keller Lehmann Maurer Nilsson Ortega Pohl Quist Roth Steiner "
    "Thomsen Vogel"
).split()
STEMS = (
    "Northwind Quillon Vantage Pinewood Brightwater Halden Tessera Larkspur Ironbridge Cobalt Meridian Osprey Foundry "
    "Evergreen Dovetail Copperline Granite Hollow Oak Juniper Kestrel Lumen Marlow Nordhaven Orchard Pelican Quarry "
    "Redstone Silverlake Tidewater Umber Valemont Westgate Yarrow Zephyr Alder Birchfield Cedar Driftwood Elmhurst "
    "Fairway Glenrock Harvest Inkwell Jasper Kingfisher Lakeshore Millbrook Newport Oakmont Palisade"
).split()
ENDINGS = {
    "Logistics": ("Freight", "Logistics", "Cargo", "Transport"),
    "Manufacturing": ("Steel", "Robotics", "Castings", "Works"),
    "Retail": ("Retail", "Markets", "Stores", "Outfitters"),
    "Food and beverage": ("Foods", "Brewing", "Dairy", "Bakery"),
    "Wholesale": ("Trading", "Supply", "Wholesale", "Imports"),
    "Healthcare": ("Clinics", "Medical", "Pharma", "Care"),
    "Education": ("Academy", "College", "Institute", "School"),
    "Public sector": ("Council", "Port Authority", "District", "Agency"),
    "Software": ("Labs", "Analytics", "Systems", "Software"),
}
TITLES = {
    # title: (share, seniority of the decision 0 to 1)
    "Head of Logistics": (0.10, 0.90),
    "Logistics Manager": (0.15, 0.65),
    "Operations Director": (0.08, 0.95),
    "VP Operations": (0.06, 1.00),
    "Supply Chain Manager": (0.12, 0.65),
    "Plant Manager": (0.08, 0.60),
    "Managing Director": (0.05, 1.00),
    "Chief Operating Officer": (0.04, 1.00),
    "Fleet Coordinator": (0.10, 0.35),
    "Warehouse Supervisor": (0.08, 0.30),
    "Marketing Assistant": (0.05, 0.05),
    "Student": (0.05, 0.00),
    "IT Manager": (0.04, 0.25),
}
FREE_MAIL = ("gmail.com", "gmx.de", "outlook.com", "web.de")


@dataclass(frozen=True, slots=True)
class Firm:
    name: str
    domain: str
    industry: str
    employees: int
    country: str
    is_customer: bool
    is_competitor: bool

    @property
    def fit(self) -> float:
        """How well the products suit the firm, 0 to 1: the truth the criteria try to find."""
        size = 1.0 if 50 <= self.employees <= 3000 else 0.65 if self.employees > 3000 else 0.25 if self.employees >= 20 else 0.05
        return INDUSTRIES[self.industry][1] * size * (1.0 if self.country in SERVED else 0.1)


@dataclass(frozen=True, slots=True)
class Contact:
    first: str
    last: str
    email: str
    phone: str
    title: str
    firm: Firm

    @property
    def quality(self) -> float:
        """How likely this person is to buy if well served, 0 to 1."""
        return self.firm.fit * (0.25 + 0.75 * TITLES[self.title][1])


def _pick(rng: Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def make_firms(rng: Random, count: int) -> list[Firm]:
    """`count` firms with different domains, sizes spread as real ones: many small, few large."""
    firms: list[Firm] = []
    seen: set[str] = set()
    while len(firms) < count:
        industry = _pick(rng, {name: share for name, (share, _) in INDUSTRIES.items()})
        name = f"{rng.choice(STEMS)} {rng.choice(ENDINGS[industry])}"
        if name in seen:
            name = f"{name} {rng.choice(('Group', 'Nord', 'International', 'Partners', 'Holding', 'West', 'Süd'))}"
        if name in seen:
            continue
        seen.add(name)
        slug = name.lower().replace(" ", "-").replace("ü", "ue")
        firms.append(
            Firm(
                name=name,
                domain=f"{slug}.example",
                industry=industry,
                employees=max(3, int(rng.lognormvariate(5.0, 1.5))),
                country=_pick(rng, COUNTRIES),
                is_customer=rng.random() < 0.03,
                is_competitor=rng.random() < 0.012,
            )
        )
    return firms


def make_contact(rng: Random, firm: Firm, taken: set[str]) -> Contact:
    """A person of `firm`; some write from a free mailbox, some leave something unusable, most leave a number."""
    while True:
        first, last = rng.choice(FIRST), rng.choice(LAST)
        roll = rng.random()
        if roll < 0.05:
            email = f"{first}.{last}{rng.randrange(10, 99)}@{rng.choice(FREE_MAIL)}".lower()
        elif roll < 0.075:
            email = f"{first}@{last}_at_work.invalid".lower()
        else:
            email = f"{first}.{last}@{firm.domain}".lower()
        if email not in taken:
            break
    taken.add(email)
    phone = f"{DIALLING[firm.country]}{rng.randrange(2_000_000, 9_999_999)}" if rng.random() < 0.72 else ""
    if email.endswith(".invalid") and rng.random() < 0.7:
        phone = ""
    return Contact(first, last, email, phone, _pick(rng, {title: share for title, (share, _) in TITLES.items()}), firm)
