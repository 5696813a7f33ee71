"""Countries and languages as people write them, as their codes."""

import re
from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from leads.titles import plain

# What people write that is no country's name in any language.
_ALSO = {
    "GB": "uk, u k, england, scotland, wales, northern ireland, great britain, britain, gbr, "
    "united kingdom of great britain and northern ireland",
    "US": "usa, u s a, u s, united states of america, america, vereinigte staaten von amerika, "
    "etats unis d amerique, eeuu, ee uu, estados unidos de america",
    "DE": "brd, federal republic of germany, bundesrepublik deutschland, deu, ger",
    "AT": "aut, osterreich, oesterreich",
    "CH": "che, schweiz, suisse, svizzera, swiss",
    "NL": "holland, nld, the netherlands, niederlande",
    "CZ": "czech republic, cze, tschechien, tschechische republik",
    "AE": "uae, u a e, emirates, vae",
    "KR": "korea, south korea, republic of korea, kor",
    "KP": "north korea",
    "RU": "russian federation, rus",
    "VN": "viet nam, vnm",
    "IR": "islamic republic of iran",
    "TW": "taiwan province of china",
    "HK": "hongkong, hong kong, hong kong sar",
    "MO": "macau, macao",
    "MK": "macedonia, north macedonia",
    "CI": "ivory coast",
    "SZ": "swaziland",
    "CV": "cape verde",
    "TR": "turkiye, turkey, tur",
    "FR": "fra",
    "ES": "esp",
    "IT": "ita",
    "BE": "bel",
    "LU": "lux",
    "IE": "irl, republic of ireland",
    "DK": "dnk",
    "SE": "swe",
    "NO": "nor",
    "FI": "fin",
    "PL": "pol",
    "PT": "prt",
    "GR": "grc",
    "HU": "hun",
    "RO": "rou",
    "BG": "bgr",
    "HR": "hrv",
    "SI": "svn",
    "SK": "svk",
    "EE": "est",
    "LV": "lva",
    "LT": "ltu",
    "CA": "can",
    "MX": "mex",
    "BR": "bra",
    "AR": "arg",
    "CL": "chl",
    "CO": "col",
    "PE": "per",
    "IN": "ind",
    "CN": "chn, prc",
    "JP": "jpn",
    "AU": "aus",
    "NZ": "nzl",
    "SG": "sgp",
    "ZA": "zaf",
    "IL": "isr",
    "UA": "ukr",
    "SA": "sau, ksa",
    "QA": "qat",
    "EG": "egy",
    "NG": "nga",
}


def _spellings() -> dict[str, dict[str, str]]:
    """Each country's names by language, from that one file of the telephone numbers' geography.

    To import it in the usual way takes the towns of all numbers along: 100 MB in every process.
    """
    package = find_spec("phonenumbers")
    assert package is not None
    assert package.origin is not None
    name = "phonenumbers.geodata.locale"
    spec = spec_from_file_location(name, Path(package.origin).parent / "geodata" / "locale.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, dict[str, str]] = module.LOCALE_DATA
    return {code: names for code, names in found.items() if len(code) == 2 and code.isalpha()}


def _country_names(countries: dict[str, dict[str, str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    for code, spellings in countries.items():
        for name in spellings.values():
            if not name.startswith("*"):
                names.setdefault(plain(name).strip(), code)
    for code, also in _ALSO.items():
        names.update({name.strip(): code for name in also.split(",")})
    names.pop("", None)
    return names


def _known_countries() -> tuple[frozenset[str], dict[str, str]]:
    countries = _spellings()
    return frozenset(countries), _country_names(countries)


_CODES, _NAMES = _known_countries()


@lru_cache(maxsize=5_000)
def country(text: str) -> str | None:
    """The ISO 3166 code (two capitals) of a country given by code or by name in any usual language; None when it is none."""
    bare = text.strip()
    if len(bare) == 2 and bare.isascii() and bare.upper() in _CODES:
        return bare.upper()
    return _NAMES.get(plain(bare).strip())


_TAG = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_LANGUAGES = {
    name: code
    for code, names in {
        "en": "english englisch anglais ingles",
        "de": "german deutsch allemand aleman",
        "fr": "french franzosisch francais frances",
        "es": "spanish spanisch espagnol espanol castellano",
        "it": "italian italienisch italien italiano",
        "pt": "portuguese portugiesisch portugais portugues",
        "nl": "dutch niederlandisch neerlandais nederlands",
        "pl": "polish polnisch polonais polski",
        "ja": "japanese japanisch japonais",
        "zh": "chinese chinesisch chinois mandarin",
        "ru": "russian russisch russe",
        "tr": "turkish turkisch turc",
        "sv": "swedish schwedisch",
        "da": "danish danisch",
        "no": "norwegian norwegisch",
        "fi": "finnish finnisch",
        "cs": "czech tschechisch",
        "ar": "arabic arabisch",
        "hi": "hindi",
    }.items()
    for name in names.split()
}


@lru_cache(maxsize=1_000)
def language(text: str) -> str | None:
    """The language tag in small letters ("de", "pt-br") of a tag or of a language's name; None when it is neither."""
    bare = text.strip()
    named = _LANGUAGES.get(plain(bare).strip())
    if named:
        return named
    return bare.lower().replace("_", "-")[:12].rstrip("-") if _TAG.fullmatch(bare) else None
