"""Forms of a lead's facts: what a person may say by hand, by registry key."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Fieldset, Layout
from django import forms
from django.http import QueryDict

from leads import normalise
from leads.choices import Consent, Department, FieldType, Seniority
from leads.models import Campaign, Lead, LeadField, Product

OWN = "x_"
COMPANY = ("company_name", "company_domain", "industry", "employees")
FIRST = "initial-"  # what a field was drawn with, as the page posts it back
_DATE = {"type": "date"}


def _text(label: str, length: int, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=length, required=False, **options)


class LeadForm(forms.Form):
    """The facts of a lead. `changes()` are those changed since the page was drawn, by registry key."""

    first_name = _text("First name", 120)
    last_name = _text("Last name", 120)
    email = _text("E-mail", 320, widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off"}))
    phone = _text("Phone", 60, widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}))
    job_title = _text("Job title", 200)
    country = _text("Country", 60, help_text="Two letters such as DE, or the name.")
    language = _text("Language", 12)
    company_name = _text("Company", 200)
    company_domain = _text("Company's domain", 253, help_text="Such as example.com.")
    product_interest = forms.ChoiceField(label="Interested in", required=False)
    consent = forms.ChoiceField(label="Consent to be mailed", choices=Consent.choices, required=False)

    KEYS = {
        "first_name": "lead.first_name",
        "last_name": "lead.last_name",
        "email": "lead.email",
        "phone": "lead.phone",
        "job_title": "lead.job_title",
        "country": "lead.country",
        "language": "lead.language",
        "company_name": "company.name",
        "company_domain": "company.domain",
        "product_interest": "lead.product_interest",
        "consent": "lead.consent",
    }

    def __init__(self, data: Any = None, *, own_fields: Iterable[LeadField], lead: Lead | None = None) -> None:
        self.own_fields = list(own_fields)
        if data is not None and lead:
            data = self._as_drawn(data)
        super().__init__(data, initial=self._said(lead) if lead else {"consent": Consent.UNKNOWN})
        products = Product.objects.filter(active=True).values_list("key", "name")
        self.fields["product_interest"].choices = [("", "Not known"), *products]  # type: ignore[attr-defined]
        for field in self.own_fields:
            self.fields[f"{OWN}{field.key}"] = own_form_field(field, lead.attributes.get(field.key) if lead else None)
        self._keep_unlisted("product_interest")
        for drawn in self.fields.values():
            drawn.show_hidden_initial = lead is not None
        self.helper = self._helper()

    def _as_drawn(self, data: QueryDict) -> QueryDict:
        """What was posted; a list that was drawn with nothing chosen posts no first value, which must not become its new one."""
        data = data.copy()
        for field in self.own_fields:
            data.setlistdefault(f"{FIRST}{OWN}{field.key}")
        return data

    def over(self, lead: Lead) -> "LeadForm":
        """This form over the lead as it is now: what the person changed stays typed, all else is as it is now.

        A field that both changed says what the other wrote, so that saving again overwrites nothing unseen.
        """
        now = LeadForm(own_fields=self.own_fields, lead=lead)
        data, mine = cast("QueryDict", self.data).copy(), set(self.changed_data)
        theirs: dict[str, str] = {}
        for name in self.fields:
            held = now[name].value()
            words = [str(value) for value in (held if isinstance(held, list) else [held]) if value not in (None, "")]
            typed = [value.strip() for value in data.getlist(name) if value.strip()]
            if name not in mine:
                data.setlist(name, words)
            elif words not in (typed, [value for value in data.getlist(f"{FIRST}{name}") if value]):
                theirs[name] = ", ".join(words)
            data.setlist(f"{FIRST}{name}", words)
        again = LeadForm(data, own_fields=self.own_fields, lead=lead)
        for name, written in theirs.items():
            said = f"wrote “{written}” here" if written else "emptied this"
            again.add_error(name, f"Somebody else {said} meanwhile. Saving again puts yours in its place.")
        return again

    def _said(self, lead: Lead) -> dict[str, Any]:
        said: dict[str, Any] = {name: getattr(lead, name) for name in ("first_name", "last_name", "email", "phone", "job_title")}
        said |= {"country": lead.country, "language": lead.language, "consent": lead.consent}
        said["product_interest"] = lead.product_interest.key if lead.product_interest else ""
        if lead.company:
            said |= {"company_name": lead.company.name, "company_domain": lead.company.domain}
        own = {key: str(value).lower() if isinstance(value, bool) else value for key, value in lead.attributes.items()}
        return said | {f"{OWN}{key}": value for key, value in own.items()}

    def _keep_unlisted(self, name: str) -> None:
        """What is said now stays choosable, also when it is no longer offered."""
        now, field = self.initial.get(name), self.fields[name]
        if now and now not in dict(field.choices):  # type: ignore[attr-defined]
            field.choices = [*field.choices, (now, now)]  # type: ignore[attr-defined]

    def _helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_tag = False
        parts = [
            Fieldset("Person", _grid("first_name", "last_name", "email", "phone", "job_title", "country", "language", "consent")),
            Fieldset("Company", _grid(*[name for name in COMPANY if name in self.fields])),
            Fieldset("Interest", _grid(*[name for name in ("product_interest", "source", "campaign") if name in self.fields])),
        ]
        if self.own_fields:
            parts.append(Fieldset("Own fields", _grid(*(f"{OWN}{field.key}" for field in self.own_fields))))
        helper.layout = Layout(*parts)
        return helper

    def values(self) -> dict[str, object]:
        """Everything the form says, by registry key; None for what it leaves open."""
        said = {key: _plain(self.cleaned_data[name]) for name, key in self.KEYS.items()}
        return said | {f"custom.{field.key}": _plain(self.cleaned_data[f"{OWN}{field.key}"]) for field in self.own_fields}

    def changes(self) -> dict[str, object]:
        """What was changed, by registry key; None takes a fact away."""
        keys = self.KEYS | {f"{OWN}{field.key}": f"custom.{field.key}" for field in self.own_fields}
        return {keys[name]: _plain(self.cleaned_data[name]) for name in self.changed_data if name in keys}

    def blame(self, key: str, message: str) -> None:
        """Put a refusal beside the field it is about."""
        names = {registry: name for name, registry in self.KEYS.items()} | {
            f"custom.{f.key}": f"{OWN}{f.key}" for f in self.own_fields
        }
        self.add_error(names.get(key), message)


class NewLeadForm(LeadForm):
    """A lead that a person writes down, with where they came from."""

    source = _text("Source", 80, help_text="How they came to us: Trade show, Referral…")
    campaign = forms.ModelChoiceField(label="Campaign", queryset=Campaign.objects.all(), required=False, empty_label="None")
    industry = _text("Industry", 120)
    employees = forms.IntegerField(label="Employees", required=False, min_value=0, help_text="Such as 250.")

    KEYS = LeadForm.KEYS | {"industry": "company.industry", "employees": "company.employees"}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in ("email", "phone", "last_name")):
            raise forms.ValidationError("Say at least an e-mail address, a phone number or a last name.")
        about = any(cleaned.get(name) not in (None, "") for name in ("industry", "employees"))
        if about and not (cleaned.get("company_name") or cleaned.get("company_domain") or _works_at(cleaned.get("email", ""))):
            self.add_error("company_name", "Say which company this industry and size are of.")
        return cleaned


class TitleForm(forms.Form):
    """What a job title really means, when the portal read it wrongly."""

    seniority = forms.ChoiceField(label="Seniority", choices=[("", "Not known"), *Seniority.choices], required=False)
    department = forms.ChoiceField(label="Department", choices=[("", "Not known"), *Department.choices], required=False)

    def changes(self) -> dict[str, object]:
        return {f"lead.{name}": self.cleaned_data[name] or None for name in ("seniority", "department")}


def _works_at(email: str) -> str:
    """The domain of the company an address tells of; empty for one of a mail provider."""
    given = normalise.email(email)
    return given.domain if given.usable and not given.is_free else ""


def _grid(*names: str) -> Div:
    return Div(*names, css_class="p-form-grid")


def _plain(value: object) -> object:
    match value:
        case "" | None | []:
            return None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date():
            return value.isoformat()
        case _:
            return value


def own_form_field(field: LeadField, now: Any) -> forms.Field:
    """The form field that fits the type of a company's own field; a value it holds now stays choosable."""
    shared: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": False}
    match field.type:
        case FieldType.NUMBER:
            return forms.DecimalField(**shared, max_digits=20, decimal_places=6)
        case FieldType.BOOLEAN:
            return forms.TypedChoiceField(
                **shared,
                choices=[("", "Not known"), ("true", "Yes"), ("false", "No")],
                coerce=lambda text: text == "true",
                empty_value=None,
            )
        case FieldType.DATE:
            return forms.DateField(**shared, widget=forms.DateInput(format="%Y-%m-%d", attrs=_DATE))
        case FieldType.CHOICE:
            known = [*field.choices, *([now] if now and now not in field.choices else [])]
            return forms.ChoiceField(**shared, choices=[("", "Not known"), *((text, text) for text in known)])
        case FieldType.MULTI:
            held = now if isinstance(now, list) else []
            known = [*field.choices, *(text for text in held if text not in field.choices)]
            return forms.MultipleChoiceField(
                **shared, choices=[(text, text) for text in known], widget=forms.CheckboxSelectMultiple
            )
        case _:
            return forms.CharField(**shared, max_length=1000)
