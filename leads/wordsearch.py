"""Search of leads by words or beginnings of words, in any order: whatever is typed becomes a query that cannot fail."""

from typing import TYPE_CHECKING

from django.contrib.postgres.search import SearchQuery, SearchVector

from leads.lib.folding import fold

if TYPE_CHECKING:
    from leads.querysets import LeadQuerySet

LONGEST_TEXT = 1_000
MOST_WORDS = 12
LONGEST_WORD = 80


def words_of(text: str) -> list[str]:
    """The folded words of what was typed that carry a letter or digit, at most `MOST_WORDS`, each cut at `LONGEST_WORD`."""
    words = (word[:LONGEST_WORD] for word in fold(text[:LONGEST_TEXT]).split())
    return [word for word in dict.fromkeys(words) if any(letter.isalnum() for letter in word)][:MOST_WORDS]


def matching(leads: "LeadQuerySet", text: str) -> "LeadQuerySet":
    """Those leads in which every word of `text` begins a word; all for blank text, none for text without any word.

    A single plain letter must be a word of its own: as a beginning it would match nearly everybody.
    """
    if not text.strip():
        return leads
    words = words_of(text)
    if not words:
        return leads.none()
    # Folded words hold letters, digits, + # and & only, so that quoted they are one operand and nothing else.
    query = " & ".join(f"'{word}'" if len(word) == 1 and word.isascii() else f"'{word}':*" for word in words)
    vector = SearchVector("search", config="simple")
    return leads.alias(search_words=vector).filter(search_words=SearchQuery(query, search_type="raw", config="simple"))
