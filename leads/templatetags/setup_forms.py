"""Words of Setup's forms that the stock admin has others for."""

import json
from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def inline_words(formset: Any) -> str:
    """What the stock script needs to add and remove rows of a form, in the portal's words."""
    prefix, name = formset.formset.prefix, str(formset.opts.verbose_name)
    options = {"prefix": prefix, "addText": f"Add {name}", "deleteText": "Remove"}
    return json.dumps({"name": f"#{prefix}", "options": options})
