"""What Harborline sells and says: two products, three paid campaigns of different quality, the assets people take."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from leads.choices import BuyingStage, FieldType, Known
from leads.models import Asset, Campaign, LeadField, Product


@dataclass(frozen=True, slots=True)
class Source:
    """A way people come in: its share of all leads, how well it selects (-1 to 1), how far those it sends go on to buy and how
    readily reps see an objection (1: as the company and the interest say), what they do first, and the channel of its campaign."""

    key: str
    share: float
    quality: float
    buys: float
    doubt: float
    first: str
    channel: str = ""


SOURCES = (
    Source("Website", 0.27, 0.20, 1.0, 1.0, "form_submit"),
    Source("Paid search", 0.22, 0.05, 0.8, 1.0, "whitepaper", Campaign.Channel.SEARCH),
    Source("Trade show", 0.12, 0.45, 1.6, 0.55, "event_visit", Campaign.Channel.EVENT),
    Source("Bought list", 0.15, -0.35, 0.2, 1.25, "form_submit", Campaign.Channel.LIST),
    Source("Partner", 0.08, 0.45, 1.3, 0.7, "contact_request"),
    Source("Webinar", 0.10, 0.10, 1.0, 0.9, "webinar_registered"),
    Source("Social media", 0.06, -0.20, 0.8, 1.1, "ebook"),
)
# The days, counted back from today, on which the show stopped in a port; the last stop has just been.
STOPS = (430, 330, 235, 150, 70, 5)

ASSETS = (
    # key, name, kind, product, stage, tags, pain, talk track
    (
        "empty-miles",
        "The price of empty miles",
        "whitepaper",
        "dispatch",
        BuyingStage.AWARENESS,
        ["cost"],
        "A fifth of all kilometres is driven empty, and nobody sees which.",
        "Ask what share of their tours comes back empty, and how they know.",
    ),
    (
        "route-guide",
        "Route planning in one morning",
        "ebook",
        "dispatch",
        BuyingStage.AWARENESS,
        ["planning"],
        "Planning takes the whole morning and is out of date by ten.",
        "Ask who plans tomorrow's tours, and when they start.",
    ),
    (
        "dispatch-roi",
        "Dispatch ROI guide",
        "roi_guide",
        "dispatch",
        BuyingStage.DECISION,
        ["pricing"],
        "The saving has to be shown to finance before anyone signs.",
        "Offer to fill in the sheet together with their own tour data.",
    ),
    (
        "yard-study",
        "How Halden cleared the yard",
        "case_study",
        "yard",
        BuyingStage.CONSIDERATION,
        ["yard"],
        "Trucks wait at the gate because nobody knows which dock is free.",
        "Ask how long a truck stands in their yard on a Monday.",
    ),
    (
        "yard-webinar",
        "Live: docks without queues",
        "webinar_attended",
        "yard",
        BuyingStage.CONSIDERATION,
        ["yard"],
        "Dock times are booked by phone and missed by hours.",
        "Pick up the question they asked in the webinar.",
    ),
    (
        "security",
        "Security and hosting",
        "security_view",
        None,
        BuyingStage.DECISION,
        ["security"],
        "IT asks where the data lives.",
        "Offer a call with our engineer for their IT.",
    ),
)


def season(day: date) -> str:
    """The season most people around Harborline would call it."""
    return ("winter", "spring", "summer", "autumn")[day.month % 12 // 3]


def create_catalogue(today: date) -> None:
    """Products, campaigns, assets and two custom fields, as marketing would have set them up."""
    dispatch = Product.objects.create(key="dispatch", name="Harborline Dispatch", sales_priority=1)
    yard = Product.objects.create(key="yard", name="Harborline Yard", sales_priority=2)
    products = {"dispatch": dispatch, "yard": yard, None: None}
    start = today - timedelta(days=364)
    Campaign.objects.create(
        name="Search: route planning",
        channel=Campaign.Channel.SEARCH,
        cost=Decimal(38400),
        starts_on=start,
        ends_on=today + timedelta(days=60),
        product=dispatch,
    )
    Campaign.objects.create(
        name="Expo tour, four ports",
        channel=Campaign.Channel.EVENT,
        cost=Decimal(57500),
        starts_on=today - timedelta(days=STOPS[2]),
        ends_on=today - timedelta(days=1),
        product=yard,
    )
    Campaign.objects.create(
        name=f"Bought list, {season(today - timedelta(days=250))}",
        channel=Campaign.Channel.LIST,
        cost=Decimal(9800),
        starts_on=today - timedelta(days=250),
        ends_on=today - timedelta(days=130),
        product=dispatch,
    )
    for key, name, kind, product, stage, tags, pain, talk in ASSETS:
        Asset.objects.create(
            key=key,
            name=name,
            kind=kind,
            product=products[product],
            buying_stage=stage,
            tags=tags,
            pain_points=pain,
            talk_track=talk,
            url=f"https://harborline.example/{key}",
        )
    LeadField.objects.create(
        key="fleet_size",
        label="Fleet size",
        type=FieldType.NUMBER,
        known=Known.INTAKE,
        position=1,
        help="Vehicles, from the form.",
    )
    LeadField.objects.create(
        key="buying_horizon",
        label="Wants to decide",
        type=FieldType.CHOICE,
        known=Known.INTAKE,
        position=2,
        choices=["This quarter", "This year", "Just looking"],
        help="Asked on the demo form.",
    )
    LeadField.objects.create(
        key="current_tool",
        label="Tool in use today",
        type=FieldType.TEXT,
        known=Known.AFTER,
        position=3,
        help="Learnt in the first call.",
    )
