"""The crispy template pack: every kind of field has a label, its help and its error where a screen reader finds them."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Fieldset, Layout, Submit
from django import forms
from django.template import engines


class Sample(forms.Form):
    name = forms.CharField(help_text="As on the card.")
    size = forms.ChoiceField(choices=[("s", "Small"), ("l", "Large")], required=False)
    kind = forms.ChoiceField(choices=[("a", "One"), ("b", "Two")], widget=forms.RadioSelect)
    agree = forms.BooleanField(required=False, help_text="You may say no.")
    secret = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean(self):
        raise forms.ValidationError("Nothing fits together.")


def draw(source, **context):
    return engines["django"].from_string("{% load crispy_forms_tags %}" + source).render(context)


def test_fields_are_labelled_and_errors_stand_beside_them():
    html = draw("{{ form|crispy }}", form=Sample({"secret": "x"}))
    assert '<label for="id_name">Name</label>' in html
    assert 'id="id_name_helptext"' in html
    assert 'aria-describedby="id_name_helptext' in html
    assert 'id="id_name_error"' in html
    assert "This field is required." in html
    assert "Nothing fits together." in html
    assert "<legend>Kind" in html
    assert "optional" in html
    assert 'type="hidden" name="secret"' in html


def test_helper_draws_the_whole_form():
    form = Sample()
    form.helper = FormHelper()
    form.helper.layout = Layout(Fieldset("Who", "name", "kind"), Div("size", "agree", css_class="p-form-grid"))
    form.helper.add_input(Submit("go", "Save"))
    form.helper.form_action = "/somewhere/"
    html = draw("{% crispy form %}", form=form)
    assert 'action="/somewhere/"' in html
    assert "<legend>Who</legend>" in html
    assert 'class="p-form-grid"' in html
    assert "p-primary" in html
    assert "p-choice" in html


def test_single_field_can_be_drawn():
    html = draw("{{ form.size|as_crispy_field }}", form=Sample())
    assert 'for="id_size"' in html
