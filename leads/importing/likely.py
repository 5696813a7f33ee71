"""Which of the usual encodings most likely wrote some bytes: the one under which they read as words.

Each encoding reads the same bytes as other letters: "Şükrü" in Turkish Windows is "Þükrü" in Western Windows, "Łukasz" in
ISO 8859-2 is "£ukasz". So each reading is judged as a reader would, byte by byte, and the sums of logarithms are compared:

- how usual the letter is in the language that explains all of them best (`alphabets`);
- a sign inside a word, or a "£" before one, counts heavily against a reading; so does a capital after a small letter;
- accents stand alone in Latin words, whereas Cyrillic, Greek and other words are made of nothing else;
- how often people send files in that encoding decides where several read the same.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from math import log

from leads.importing.alphabets import ENCODINGS, LANGUAGES, Encoding, mixture

WORDS = 2_000  # distinct words judged
WIDE_BYTES = 24 * 1024  # of lines judged in scripts of two bytes a sign
UNLIKELY = -8.0  # mean logarithm per byte below which no usual encoding explains the text

_BETWEEN = frozenset("’‘·–\xad\u200e\u200f")  # signs inside a word
_BEFORE = frozenset("“„‘‚«‹¿¡\xa0–—•§©·№µ\u200e\u200f")
_AFTER = frozenset("”“’‘»›®™©°€£¥…ªº²³¹\xa0–—·•\u200e\u200f")
_FREQUENT = frozenset("“”‘’„–€£…°®\xa0")
_USUAL = frozenset("“”„‘’‚«»‹›–—…•·€£°®™©\xa0¿¡ªº²³½¼¾µ±×´§№\u200e\u200f")
_EITHER_CASE = log(0.5)  # at the beginning of a word and after a capital
_SMALL = log(0.97)
_ALONE = log(0.05)
_ODD_CASE = log(0.002)
_ODD_SIGN = log(0.0005)
_IN_WORD = log(0.0005)
_FREQUENT_SIGN, _SIGN = log(0.02), log(0.003)
_RARE_SIGN = log(0.00001)
_VOWELS = frozenset("aăâeêioôơuưy")  # that carry the marks of Vietnamese
_NOT_LETTERS = frozenset("ªºµ")  # for Unicode they are
_CONTROL = log(1e-7)
_UNKNOWN = log(1e-6)
_LATIN_ALONE, _LATIN_TOGETHER = log(0.9), log(0.1)
_OTHER_ALONE, _OTHER_TOGETHER = log(0.005), log(0.995)


@dataclass(frozen=True, slots=True)
class Reading:
    """An encoding and how likely it is: a logarithm, and its mean per byte beyond ASCII."""

    encoding: Encoding
    score: float
    mean: float


def readings(sample: bytes) -> list[Reading]:
    """Every usual encoding that can read the words of `sample`, the likeliest first. `sample` is whole lines, beyond ASCII."""
    words = b"\n".join(dict.fromkeys(_words(sample)))
    high = _high(words)
    if not high:
        return []
    lines = sample[:WIDE_BYTES].rpartition(b"\n")[0] or sample[:WIDE_BYTES]
    found = []
    for encoding in ENCODINGS:
        if not encoding.is_guessed:
            continue
        mean = _wide_mean(lines, encoding.codec) if encoding.is_wide else _mean(words, high, encoding.codec)
        if mean is not None:
            found.append(Reading(encoding, mean * high - encoding.rarity, mean))
    return sorted(found, key=lambda reading: -reading.score)


def _words(sample: bytes) -> list[bytes]:
    found = (match[0] for match in re.finditer(rb"[0-9A-Za-z\x80-\xff]*[\x80-\xff][0-9A-Za-z\x80-\xff]*", sample))
    distinct: dict[bytes, None] = {}
    for word in found:
        distinct.setdefault(word[:60])
        if len(distinct) >= WORDS:
            break
    return list(distinct)


def _high(text: bytes) -> int:
    return len(text) - len(text.translate(None, bytes(range(0x80, 0x100))))


def _mean(words: bytes, high: int, codec: str) -> float | None:
    try:
        text = words.decode(codec)
    except UnicodeDecodeError:
        return None
    letters, context = _features(text)
    return (context + _best_language(letters)) / high


def _features(text: str) -> tuple[Counter[str], float]:
    """The letters beyond ASCII, capitals as small ones, and the cost of where they and the signs stand."""
    letters: Counter[str] = Counter()
    cost = 0.0
    before = "\n"
    after_next = f"{text[1:]}\n"
    for char, after in zip(text, after_next, strict=True):
        if char >= "\x80":
            if _is_letter(char):
                cost += _letter_cost(before, char, after)
                letters[_small(char)] += 1
            else:
                cost += _sign_cost(before, char, after)
        before = char
    return letters, cost


def _small(char: str) -> str:
    small = char.lower()
    return small if len(small) == 1 else char  # the small form of İ is two characters


def _is_letter(char: str) -> bool:
    return (char.isalpha() and char not in _NOT_LETTERS) or unicodedata.combining(char) > 0 or "\u0e30" <= char <= "\u0e4e"


def _is_latin(char: str) -> bool:
    return char < "\u0250" or "\u1e00" <= char <= "\u1eff"


def _letter_cost(before: str, char: str, after: str) -> float:
    if unicodedata.combining(char):
        return 0.0 if before.lower() in _VOWELS else _ODD_SIGN
    cost = 0.0
    follows = _is_letter(before)
    if char.isupper():
        cost += _ODD_CASE if before.islower() and follows else _EITHER_CASE
    elif char.islower():
        cost += _SMALL if before.islower() and follows else _EITHER_CASE
        if before.isupper() and after.isupper():
            cost += _ODD_CASE
    if follows:
        together = before >= "\x80"
        if _is_latin(char):
            cost += _LATIN_TOGETHER if together else _LATIN_ALONE
            if together and not _is_latin(before):
                cost += _ODD_CASE
        else:
            cost += _OTHER_TOGETHER if together else _OTHER_ALONE
            if together and _is_latin(before):
                cost += _ODD_CASE
    elif not _is_letter(after):
        cost += _ALONE
    return cost


def _sign_cost(before: str, char: str, after: str) -> float:
    if "\x80" <= char <= "\x9f":
        return _CONTROL
    cost = _FREQUENT_SIGN if char in _FREQUENT else _SIGN if char in _USUAL else _RARE_SIGN
    if _is_letter(before) and _is_letter(after):
        cost += 0.0 if char in _BETWEEN else _IN_WORD
    elif _is_letter(after):
        cost += 0.0 if char in _BEFORE else _ODD_SIGN
    elif _is_letter(before):
        cost += 0.0 if char in _AFTER else _ODD_SIGN
    return cost


def _best_language(letters: Counter[str]) -> float:
    return max(
        sum(count * figures.get(letter, _UNKNOWN) for letter, count in letters.items()) - rarity for figures, rarity in _figures()
    )


@lru_cache(1)
def _figures() -> list[tuple[dict[str, float], float]]:
    return [
        ({letter: log(share + 1e-6) for letter, share in mixture(language).items()}, language.rarity) for language in LANGUAGES
    ]


_KANA, _COMMON, _RARE = log(0.01), log(0.0002), log(1e-7)
_WIDE_SIGN = log(0.002)
_LEVELS = {  # where the standards keep the signs of daily use: the lead bytes of their first level
    "cp932": ("euc_jp", 0xB0, 0xCF),
    "euc_jp": ("euc_jp", 0xB0, 0xCF),
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "big5hkscs": ("big5", 0xA4, 0xC6),
    "cp949": ("euc_kr", 0xB0, 0xC8),
}
_LANGUAGE_OF = {
    "cp932": "Japanese",
    "euc_jp": "Japanese",
    "gb18030": "Chinese",
    "big5hkscs": "Traditional Chinese",
    "cp949": "Korean",
}


def _wide_mean(lines: bytes, codec: str) -> float | None:
    text = lines.decode(codec, errors="replace")
    if text.count("\ufffd") > len(text) * 0.002 + (len(text) > 400):
        return None
    letters = next(one.letters for one in LANGUAGES if one.name == _LANGUAGE_OF[codec])
    high = _high(lines)
    total = sum(count * _wide_cost(char, codec, letters) for char, count in Counter(text).items() if char >= "\x80")
    return total / high


def _wide_cost(char: str, codec: str, letters: dict[str, float]) -> float:
    if char in letters:
        return log(letters[char])
    if "\u3041" <= char <= "\u30ff":
        return _KANA if codec in ("cp932", "euc_jp") else _RARE
    if "\u3000" <= char <= "\u303f" or "\uff01" <= char <= "\uff5e" or char in "×○●◎★…—“”‘’":
        return _WIDE_SIGN
    if char < "\u2e80" or "\uff61" <= char <= "\uff9f":
        return _RARE
    like, first, last = _LEVELS[codec]
    try:
        lead = char.encode(like)[0]
    except UnicodeEncodeError:
        return _RARE
    return _COMMON if first <= lead <= last else _RARE
