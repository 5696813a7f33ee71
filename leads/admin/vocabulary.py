"""The words of the facts: a company's own fields, reasons, value lists."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from leads import clock
from leads.admin.base import AccordModelAdmin
from leads.models import LeadField, Reason, ValueList, ValueListRevision


class LinesField(forms.CharField):
    """A list of short texts, one on each line; blank lines and repeats are left out."""

    widget = forms.Textarea(attrs={"rows": 8})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        long = next((line for line in value if len(line) > 200), None)
        if long:
            raise forms.ValidationError(f"“{long[:40]}…” is longer than 200 characters.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(list(initial or []) != self.to_python(data))


class LeadFieldForm(forms.ModelForm[LeadField]):
    choices = LinesField(required=False, help_text="For lists: the values, one on each line, in order.")

    class Meta:
        model = LeadField
        fields = ("label", "help", "key", "type", "choices", "known", "personal", "active", "position")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = cleaned.get("type") or self.instance.type
        if kind in ("choice", "multi") and not cleaned.get("choices"):
            self.add_error("choices", "A list needs at least one value.")
        return cleaned


@admin.register(LeadField)
class LeadFieldAdmin(AccordModelAdmin[LeadField]):
    setup_group = "Facts"
    setup_intro = "Your own fields of a lead. Use them in criteria, filters, hand-offs and exports like the built-in ones."
    empty_hint = "The import makes them from columns of your file, typed by what is in them."
    form = LeadFieldForm
    list_display = ("label", "key", "type", "known", "personal", "active", "position")
    list_editable = ("position", "active")
    list_filter = ("type", "known", "personal", "active")
    search_fields = ("label", "key")
    fieldsets = (
        ("What the field says", {"fields": ("label", "help")}),
        ("How its values look", {"fields": ("key", "type", "choices")}),
        (
            "When it is known, and about whom",
            {
                "fields": ("known", "personal"),
                "description": "What is only learnt after contact would flatter past leads: it is not scored.",
            },
        ),
        ("Where it shows", {"fields": ("position", "active")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: LeadField | None = None) -> tuple[str, ...]:
        return ("key", "type") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: LeadField | None = None) -> dict[str, Any]:
        return {}

    def has_delete_permission(self, request: HttpRequest, obj: LeadField | None = None) -> bool:
        return False


class ReasonForm(forms.ModelForm[Reason]):
    field_keys = LinesField(
        label="Facts it speaks about",
        required=False,
        help_text="One on each line, such as company.employees: rejections for it are compared with the criteria on them.",
    )

    class Meta:
        model = Reason
        fields = ("label", "code", "parent", "hint", "needs_words", "for_reject", "for_lost", "field_keys", "position", "active")

    def clean_parent(self) -> Reason | None:
        parent: Reason | None = self.cleaned_data["parent"]
        if wrong := self.instance.why_not_under(parent):
            raise forms.ValidationError(wrong)
        return parent


@admin.register(Reason)
class ReasonAdmin(AccordModelAdmin[Reason]):
    setup_group = "Facts"
    setup_intro = "Why a rep rejects a lead or loses a deal. The first nine that are offered have the keys 1 to 9."
    form = ReasonForm
    list_display = ("label", "parent", "code", "for_reject", "for_lost", "needs_words", "position", "active")
    list_editable = ("position", "active")
    list_filter = ("for_reject", "for_lost", "needs_words", "active")
    list_select_related = ("parent",)
    search_fields = ("label", "code")
    fieldsets = (
        ("What the reason says", {"fields": ("label", "hint", "code", "parent")}),
        ("When it is offered", {"fields": ("for_reject", "for_lost", "needs_words")}),
        ("What it teaches", {"fields": ("field_keys",)}),
        ("Where it shows", {"fields": ("position", "active")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Reason | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Reason | None = None) -> bool:
        return False


class ValueListForm(forms.ModelForm[ValueList]):
    values = LinesField(help_text="One on each line. The former content is kept: criteria go on using what was signed.")

    class Meta:
        model = ValueList
        fields = ("label", "key")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            latest = self.instance.revisions.order_by("-no").first()
            self.initial["values"] = latest.values if latest else []


class RevisionInline(admin.TabularInline[ValueListRevision, ValueList]):
    model = ValueListRevision
    fields = ("no", "created_at", "content")
    readonly_fields = ("no", "created_at", "content")
    verbose_name_plural = "Former and current content"
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="values")
    def content(self, revision: ValueListRevision) -> str:
        shown = ", ".join(revision.values[:12])
        rest = len(revision.values) - 12
        return f"{shown} and {rest} more" if rest > 0 else shown


@admin.register(ValueList)
class ValueListAdmin(AccordModelAdmin[ValueList]):
    setup_group = "Facts"
    setup_intro = "Named lists that criteria refer to, such as target industries or competitors."
    empty_hint = "A criterion can then say “is in the list” and the list can grow without touching the criterion."
    form = ValueListForm
    list_display = ("label", "key", "size", "revision")
    search_fields = ("label", "key")
    inlines = (RevisionInline,)
    fieldsets = (("What the list is", {"fields": ("label", "key")}), ("What is in it", {"fields": ("values",)}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ValueList]:
        latest = ValueListRevision.objects.filter(list=OuterRef("pk")).order_by("-no")
        return (
            super()
            .get_queryset(request)
            .annotate(latest_no=Max("revisions__no"), latest_size=Subquery(latest.values("values__len")[:1]))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ValueList | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def get_inlines(self, request: HttpRequest, obj: ValueList | None = None) -> Any:
        return self.inlines if obj else ()

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: ValueList, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        ValueList.objects.select_for_update(no_key=True).get(pk=obj.pk)
        last = obj.revisions.order_by("-no").first()
        values = form.cleaned_data["values"]
        if last is None or last.values != values:
            ValueListRevision.objects.create(list=obj, no=last.no + 1 if last else 1, values=values, created_at=clock.now())

    @admin.display(description="values", ordering="latest_size")
    def size(self, values: Any) -> int:
        return values.latest_size or 0

    @admin.display(description="revision", ordering="latest_no")
    def revision(self, values: Any) -> int:
        return values.latest_no or 0
