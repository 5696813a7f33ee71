"""What every model page of Setup shares: changed fields only, labels on inline inputs, words where lists are empty, and
actions that ask before they act."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import chain
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import BaseModelForm, BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.choices import flatten_choices
from django.utils.text import Truncator

from leads.paging import BoundedPaginator

M = TypeVar("M", bound=Model)
FormSet = TypeVar("FormSet", bound=BaseModelFormSet[Any, Any])
LONGEST_WORDS = 200
Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


class AccordModelAdmin(admin.ModelAdmin[M]):
    """A model page of Setup. Saving writes only what the person changed, so a concurrent writer loses nothing."""

    setup_group = "System"
    setup_intro = ""
    empty_text = ""
    empty_hint = ""
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = "–"
    save_on_top = False

    def save_model(self, request: HttpRequest, obj: M, form: BaseModelForm[M], change: bool) -> None:
        if not change:
            obj.save()
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        changed = [name for name in form.changed_data if name in columns]
        if changed:
            obj.save(update_fields=changed)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> list[Any]:
        """The stock message; of a changed field it also tells what it was and what it is."""
        message: list[Any] = super().construct_change_message(request, form, formsets, add)
        told = iter([] if add or not form.changed_data else [form])
        for formset in formsets or ():
            of = {one.instance.pk: one for one in formset.initial_forms}
            told = chain(told, [of[changed.pk] for changed, _ in formset.changed_objects])
        for part in message:
            if "changed" in part:
                values = [_change(source, name) for source in (next(told),) for name in source.changed_data]
                part["changed"] |= {"fields": [_told(one) for one in values], "values": values}
        return message

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> type[BaseModelFormSet[M, Any]]:
        return _labelled(super().get_changelist_formset(request, **kwargs), lambda form, index: f"of {form.instance}")

    def get_formsets_with_inlines(self, request: HttpRequest, obj: M | None = None) -> Iterator[Any]:
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            yield _labelled(formset, lambda form, index: "" if index is None else f"in row {index + 1}"), inline

    def get_form(self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any) -> type[ModelForm[M]]:
        form = super().get_form(request, obj, change, **kwargs)

        class AsDrawn(form):  # type: ignore[valid-type, misc]
            """Labels without colons; what was changed is told by the values the page was drawn with, not by those of now."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **{"label_suffix": "", **kwargs})
                for field in self.fields.values():
                    field.show_hidden_initial = change

        return AsDrawn

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        plural = str(self.opts.verbose_name_plural)
        words = {
            "title": plural[:1].upper() + plural[1:],
            "setup_intro": self.setup_intro,
            "empty_text": self.empty_text or f"No {plural} yet.",
            "empty_hint": self.empty_hint,
        }
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().changeform_view(request, object_id, form_url, {"setup_intro": self.setup_intro, **(extra_context or {})})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The stock field; the two inputs of a date with time say which of them they are."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            for widget, part in zip(field.widget.widgets, ("date", "time"), strict=True):
                widget.attrs["aria-label"] = f"{field.label}: {part}"
        return field

    def get_action_choices(self, request: HttpRequest, default_choices: Any = None) -> list[tuple[str, str]]:
        return super().get_action_choices(request, [("", "Choose what to do")])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting many at once is not offered: what is no longer wanted is switched off."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ChosenAlready(AutocompleteSelect):
    """A choice by search that knows the object its row was read with."""

    chosen: Model | None = None

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> Any:
        if self.chosen is None or list(value) != [str(self.chosen.pk)]:
            return super().optgroups(name, value, attr)
        return [(None, [self.create_option(name, self.chosen.pk, str(self.chosen), True, 0)], 0)]


def _labelled(formset: type[FormSet], place: Callable[[Any, int | None], str]) -> type[FormSet]:
    """The formset with a name for each input: in a table the head of the column is none."""

    class Labelled(formset):  # type: ignore[valid-type, misc]
        def add_fields(self, form: Any, index: int | None) -> None:
            super().add_fields(form, index)
            for name, field in form.fields.items():
                if field.label:
                    field.widget.attrs.setdefault("aria-label", f"{field.label} {place(form, index)}".strip())
                widget = getattr(field.widget, "widget", field.widget)
                if isinstance(widget, ChosenAlready) and form.instance.pk:
                    widget.chosen = getattr(form.instance, name)

    return Labelled


def _change(form: ModelForm[Any], name: str) -> dict[str, str]:
    """A changed field in words: by what name people know it, what it was, what it is."""
    field = form.fields[name]
    label = field.label or name.replace("_", " ")
    old, new = _words(field, form.initial.get(name)), _words(field, form.cleaned_data.get(name))
    return {"field": name, "label": str(label), "old": old, "new": new}


def _told(change: dict[str, str]) -> str:
    return f"{change['label']} ({change['old']} → {change['new']})"


def _words(field: forms.Field, value: Any) -> str:
    """A value of a form's field as people read it; a dash for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, forms.ModelChoiceField):
        if value is not None and not isinstance(value, Model | QuerySet | list):
            value = field.queryset.model._default_manager.filter(pk=value).first() if field.queryset is not None else value
        value = list(value) if isinstance(value, QuerySet) else value
    elif isinstance(field, forms.ChoiceField | forms.MultipleChoiceField):
        flat: list[tuple[Any, Any]] = list(flatten_choices(field.choices))  # type: ignore[arg-type]
        labels = {str(key): str(label) for key, label in flat}
        value = [labels.get(str(one), one) for one in value] if isinstance(value, list | tuple) else labels.get(str(value), value)
    else:
        value = field.prepare_value(value)
    words = ", ".join(sorted(map(str, value))) if isinstance(value, list | tuple) else "" if value is None else str(value)
    return Truncator(words).chars(LONGEST_WORDS) or "–"


class BoundedAdmin(AccordModelAdmin[M]):
    """A list that may be very long: newest first by key and by nothing else, counted up to a limit."""

    ordering = ("-pk",)
    sortable_by = ()
    show_full_result_count = False

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[M], per_page: int, orphans: int = 0, allow_empty_first_page: bool = True
    ) -> Paginator[M]:
        return BoundedPaginator(queryset, per_page)


class FixedFilter(admin.SimpleListFilter):
    """A filter by values known beforehand: a long table is not read for what there is."""

    choices_of: Mapping[str, str] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.choices_of.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() in self.choices_of else queryset


def fixed_filter(name: str, field: str, values: Mapping[str, str]) -> type[FixedFilter]:
    """A filter called `name` by the `field` and these values with their labels."""
    return type("Filter", (FixedFilter,), {"title": name, "parameter_name": field, "choices_of": values})


class ReadOnlyAdmin(AccordModelAdmin[M]):
    """Rows that the portal writes itself: to be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


def confirmed_action(
    *,
    description: str,
    question: str | Callable[[Sequence[Any]], str],
    button: str,
    permissions: tuple[str, ...] = ("change",),
    danger: bool = False,
) -> Callable[[Action], Action]:
    """An action of a list that first shows what it would touch and runs only after a yes. `question` may depend on the rows.

    The decorated method does the work row by row through verbs and tells the person what was done and what was refused.
    """

    def decorate(method: Action) -> Action:
        @wraps(method)
        def asked(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if request.POST.get("confirmed") == "yes":
                return method(self, request, queryset)
            chosen = list(queryset[:1000])
            if not chosen:
                messages.warning(request, "Nothing was selected.")
                return None
            return TemplateResponse(
                request,
                "admin/action_confirmation.html",
                {
                    **self.admin_site.each_context(request),
                    "title": description,
                    "question": question if isinstance(question, str) else question(chosen),
                    "button": button,
                    "danger": danger,
                    "opts": self.opts,
                    "objects": chosen[:50],
                    "rest": max(0, len(chosen) - 50),
                    "action": request.POST.get("action", ""),
                    "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
                    "select_across": request.POST.get("select_across", "0"),
                    "checkbox_name": ACTION_CHECKBOX_NAME,
                },
            )

        return admin.action(description=description, permissions=list(permissions))(asked)

    return decorate
