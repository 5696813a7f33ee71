"""The small language of own mail texts: `{{ name }}` puts in a value, `{% if name %} … {% endif %}` a part where there is one.

Values come from one fixed list and are plain words: nothing else of the portal can be reached. In the HTML of a mail every value
is escaped. A text that cannot be read is refused with the line it breaks in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from django.utils.html import escape

# What a text may use, with the words that explain it. Subjects pass many screens and servers: they name no lead.
SUBJECT_VARIABLES = {
    "subject": "the standard subject, which names nobody: “A lead is offered to you”",
    "count": "how many messages the mail tells of; more than one when it gathers several",
}
VARIABLES = {
    "name": "first name of the person who gets the mail",
    **SUBJECT_VARIABLES,
    "title": "what happened, in a line that names the lead",
    "text": "the same with its details: reason, score, deadline",
    "lines": "when the mail tells of several: a list with a link for each",
    "lead": "the lead’s name; of several, with commas",
    "company": "the company’s name",
    "why": "why the lead was handed over",
    "score": "the lead’s points",
    "due": "when an answer or attempt is due, in the reader’s own time zone",
    "owner": "the rep who has the lead, in mails about deadlines",
    "actor": "who did what the mail tells of",
    "reason": "the reason, of a rejection",
    "note": "what was written beside the reason",
    "action": "words of the link: “Open the packet”",
    "link": "address of the page to open",
    "accept": "address that accepts the offer without signing in, after a question",
    "reject": "address that rejects it, after asking for the reason",
    "site": "address of the portal",
}
STANDARD_SUBJECT = "{{ subject }}"
STANDARD_TEXT = """Hello {{ name }},

{{ text }}
{% if lines %}
{{ lines }}
{% endif %}
{% if accept %}
Accept: {{ accept }}
Reject: {{ reject }}
{% endif %}
{% if link %}
{{ action }}: {{ link }}
{% endif %}"""
LINKS = frozenset({"link", "accept", "reject", "site"})
_TOKEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})")
_NAME = re.compile(r"[a-z_]+")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


class Unreadable(ValueError):
    """A text that breaks the rules of the language; the words name line and reason."""


@dataclass(frozen=True, slots=True)
class Part:
    """Literal words, a value's name, or the name of a condition with the parts it guards."""

    words: str = ""
    value: str = ""
    condition: str = ""
    inner: tuple[Part, ...] = ()


def parse(text: str, allowed: Collection[str]) -> tuple[Part, ...]:
    """The parts of a text; `Unreadable` for an unknown name, an unknown tag, or braces that do not close."""
    stack: list[tuple[str, int, list[Part]]] = [("", 0, [])]
    line = 1
    for token in _TOKEN.split(text):
        whole = _TOKEN.fullmatch(token) is not None
        if whole and token.startswith("{{"):
            stack[-1][2].append(Part(value=_known(token[2:-2].strip(), allowed, line)))
        elif whole:
            words = token[2:-2].split()
            if len(words) == 2 and words[0] == "if":
                stack.append((_known(words[1], allowed, line), line, []))
            elif words == ["endif"]:
                if len(stack) == 1:
                    raise Unreadable(f"Line {line}: {{% endif %}} without an {{% if … %}} before it.")
                condition, _, inner = stack.pop()
                stack[-1][2].append(Part(condition=condition, inner=tuple(inner)))
            else:
                raise Unreadable(f"Line {line}: “{token}” is not known. There are {{% if name %}} and {{% endif %}}.")
        elif token:
            for opened in ("{{", "{%", "}}", "%}"):
                if opened in token:
                    at = line + token[: token.index(opened)].count("\n")
                    raise Unreadable(f"Line {at}: “{opened}” has no counterpart in its line.")
            stack[-1][2].append(Part(words=token))
        line += token.count("\n")
    if len(stack) > 1:
        raise Unreadable(f"Line {stack[-1][1]}: {{% if {stack[-1][0]} %}} has no {{% endif %}}.")
    return tuple(stack[0][2])


def _known(name: str, allowed: Collection[str], line: int) -> str:
    if name in allowed:
        return name
    near = get_close_matches(name, allowed, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(allowed)}."
    if name in VARIABLES:
        hint = " A subject names no lead; it can use subject and count."
    shown = name if _NAME.fullmatch(name) else name[:40]
    raise Unreadable(f"Line {line}: there is no value “{shown}” here.{hint}")


def as_text(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    """Plain text; of empty lines in a row one stays, so that parts left out leave no hole."""
    return re.sub(r"\n{3,}", "\n\n", _joined(parts, values)).strip() + "\n"


def as_line(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    """One line, for a subject."""
    return " ".join(_joined(parts, values).split())


def as_html(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    """Paragraphs of escaped words; addresses become links."""
    paragraphs = re.split(r"\n\s*\n", as_text(parts, values).strip())
    return "\n".join(f"<p>{_linked(paragraph)}</p>" for paragraph in paragraphs if paragraph.strip())


def _linked(words: str) -> str:
    """Escaped words with their addresses as links, the long ones shown by their site alone."""
    out: list[str] = []
    position = 0
    for found in _ADDRESS.finditer(words):
        out.append(escape(words[position : found.start()]))
        address = found[0].rstrip(".,;:!?)")
        shown = address if len(address) <= 60 else f"{address[:48]}…"
        out.append(f'<a href="{escape(address)}">{escape(shown)}</a>{escape(found[0][len(address) :])}')
        position = found.end()
    out.append(escape(words[position:]))
    return "".join(out).replace("\n", "<br>\n")


def _joined(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    return "".join(
        part.words
        or (values.get(part.value, "") if part.value else _joined(part.inner, values) if values.get(part.condition) else "")
        for part in parts
    )
