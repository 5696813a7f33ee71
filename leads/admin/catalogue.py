"""What the company sells and says, and the companies it knows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from leads import normalise
from leads.actions.campaign import save_campaign
from leads.actions.company import save_company
from leads.admin.base import AccordModelAdmin, BoundedAdmin
from leads.intake.reading import shown
from leads.lib.folding import fold
from leads.models import Asset, Campaign, Company, Lead, Product, User
from leads.normalise import is_free_mail
from leads.pages import reader
from leads.roles import BY_KEY, SALES


@admin.register(Product)
class ProductAdmin(AccordModelAdmin[Product]):
    setup_group = "Facts"
    setup_intro = "What you sell. Sales says how much each matters this quarter; scoring and routing use it."
    empty_hint = "A first product lets campaigns, assets and leads name what they are about."
    list_display = ("name", "key", "sales_priority", "active")
    list_editable = ("sales_priority", "active")
    list_filter = ("active",)
    search_fields = ("name", "key")
    prepopulated_fields = {"key": ("name",)}
    fieldsets = (
        ("What it is", {"fields": ("name", "key")}),
        ("How much sales wants it", {"fields": ("sales_priority", "active")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, Any]:
        return {} if obj else {"key": ("name",)}


@admin.register(Campaign)
class CampaignAdmin(AccordModelAdmin[Campaign]):
    setup_group = "Facts"
    setup_intro = "Where leads come from and what that cost."
    empty_hint = "Imports and the API can name a campaign for the leads they bring."
    list_display = ("name", "channel", "product", "starts_on", "ends_on", "cost", "lead_count")
    list_filter = ("channel", ("product", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("product",)
    search_fields = ("name",)
    date_hierarchy = "starts_on"
    fieldsets = (
        ("What it is", {"fields": ("name", "channel", "product")}),
        ("When, and for how much", {"fields": ("starts_on", "ends_on", "cost")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """With the number of leads, which is counted for the campaigns of the page only."""
        theirs = Lead.objects.filter(first_campaign=OuterRef("pk")).order_by().values("first_campaign")
        return super().get_queryset(request).annotate(leads_in=Subquery(theirs.annotate(number=Count("pk")).values("number")))

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        save_campaign(obj, form.changed_data, actor=reader(request))

    @admin.display(description="leads")
    def lead_count(self, campaign: Any) -> int:
        return int(campaign.leads_in or 0)


@admin.register(Asset)
class AssetAdmin(AccordModelAdmin[Asset]):
    setup_group = "Facts"
    setup_intro = "What people download, watch or read, and what it tells the rep who calls them."
    empty_hint = "With pain points and a talk track, every hand-off says how to open the conversation."
    list_display = ("name", "kind", "product", "buying_stage", "has_talk_track")
    list_filter = ("buying_stage", ("product", admin.RelatedOnlyFieldListFilter), "kind")
    list_select_related = ("product",)
    search_fields = ("name", "key", "kind")
    fieldsets = (
        ("What it is", {"fields": ("name", "key", "kind", "product", "url")}),
        ("Where the buyer is who takes it", {"fields": ("buying_stage", "tags")}),
        (
            "What a rep says",
            {"fields": ("pain_points", "talk_track"), "description": "Both stand in the hand-off of every lead who took it."},
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Asset | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Asset | None = None) -> dict[str, Any]:
        return {} if obj else {"key": ("name",)}

    @admin.display(description="talk track", boolean=True)
    def has_talk_track(self, asset: Asset) -> bool:
        return bool(asset.talk_track)


class CompanyForm(forms.ModelForm[Company]):
    class Meta:
        model = Company
        fields = (
            "name",
            "domain",
            "country",
            "industry",
            "employees",
            "revenue",
            "account_owner",
            "is_customer",
            "is_competitor",
        )

    def clean_domain(self) -> str:
        """The bare domain, also of an address of the web; refused where anybody can have a mailbox: that names no company."""
        given = str(self.cleaned_data["domain"]).strip()
        found = normalise.domain(given)
        if given and (not found or len(given.split()) > 1):
            raise forms.ValidationError(f"“{shown(given)}” is not a domain, such as northwind.com.")
        if is_free_mail(found):
            raise forms.ValidationError(f"At {found} anybody can have a mailbox: it tells no company. Leave it empty.")
        return found

    def clean_country(self) -> str:
        return str(self.cleaned_data["country"]).strip().upper()


@admin.register(Company)
class CompanyAdmin(BoundedAdmin[Company]):
    setup_group = "Facts"
    setup_intro = "The companies leads work for, one for each domain."
    empty_hint = "Companies come in with leads, or by an import of their own."
    form = CompanyForm
    list_display = ("name", "domain", "industry", "employees", "country", "account_owner", "is_customer", "is_competitor")
    list_filter = ("is_customer", "is_competitor")
    list_select_related = ("account_owner",)
    search_fields = ("name_key",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Beginning of the name, or the whole domain"
    fieldsets = (
        ("Which company it is", {"fields": ("name", "domain", "country")}),
        ("What it is like", {"fields": ("industry", ("employees", "revenue"))}),
        (
            "How you know each other",
            {
                "fields": ("account_owner", "is_customer", "is_competitor"),
                "description": "New interest from a company with an account owner goes to that person, not to the next in turn.",
            },
        ),
    )

    def save_model(self, request: HttpRequest, obj: Company, form: Any, change: bool) -> None:
        save_company(obj, form.changed_data, actor=reader(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Company], search_term: str
    ) -> tuple[QuerySet[Company], bool]:
        if domain := search_term.strip().lower():
            wanted = Q(domain=domain)
            if beginning := fold(search_term).strip():
                wanted |= Q(name_key__startswith=beginning)
            queryset = queryset.filter(wanted)
        return queryset, False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Who may look after a company: the active people of sales, and whoever does so now."""
        if db_field.name == "account_owner":
            match = request.resolver_match
            now = Company.objects.filter(pk=match.kwargs["object_id"]) if match and "object_id" in match.kwargs else None
            sales = Q(is_active=True, groups__name__in=[BY_KEY[key].label for key in SALES])
            held = Q(pk__in=now.values("account_owner")) if now is not None else Q(pk=None)
            kwargs["queryset"] = User.objects.filter(pk__in=User.objects.filter(sales | held).values("pk"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
