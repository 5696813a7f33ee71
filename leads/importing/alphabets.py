"""How often letters beyond ASCII stand in names and words of each language, and which encodings files are written in.

The figures are per thousand such letters, rounded, capitals counted as small ones. They need not be
exact: they only have to tell Turkish from Icelandic and Hungarian from Portuguese.
"""

import re
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Language:
    """The letters of a language with their frequencies (sum 1), the family it is mixed with, and how rare its files are.

    `rarity` is a natural logarithm: 2 is about seven times rarer than the languages met most.
    """

    name: str
    family: str
    letters: dict[str, float]
    rarity: float = 0.0


def _language(name: str, family: str, figures: str, rarity: float = 0.0) -> Language:
    counts = {letter: int(count) for letter, count in re.findall(r"(\D)(\d+)", figures.replace(" ", ""))}
    return Language(name, family, {letter: count / sum(counts.values()) for letter, count in counts.items()}, rarity)


def _common(name: str, family: str, letters: str, rarity: float) -> Language:
    """A script of too many signs to count: those of common names and places share two thirds, the rest see `guess`."""
    return Language(name, family, dict.fromkeys(letters, 0.66 / len(set(letters))), rarity)


LANGUAGES = (
    _language("German", "west", "ü420 ä280 ö200 ß90 é10"),
    _language("French", "west", "é600 è120 ç70 ê50 à40 ë40 ï25 î15 ô20 â12 û8 œ8 ù4 ü5 ÿ1"),
    _language("Spanish", "west", "í230 ó240 á200 é130 ñ150 ú60 ü10"),
    _language("Portuguese", "west", "ã210 ç190 í90 é110 á110 ó70 ê50 õ50 ú40 â40 ô15 à10"),
    _language("Italian", "west", "è250 à250 ò160 ù130 ì130 é60"),
    _language("Catalan", "west", "à220 é180 í150 ó160 è100 ç60 ú40 ï40 ò60 ü10", 1.5),
    _language("Dutch", "west", "ë450 é250 ï200 ü40 ö40", 0.5),
    _language("Swedish", "west", "ä380 ö370 å220 é30"),
    _language("Finnish", "west", "ä750 ö180 å60", 0.5),
    _language("Danish", "west", "ø480 å250 æ220 é40"),
    _language("Icelandic", "west", "í120 á140 ð150 ó150 é50 ú100 þ70 æ60 ö90 ý30", 2.5),
    _language("Polish", "central", "ł260 ó130 ą100 ę110 ś110 ż110 ń100 ć60 ź30"),
    _language("Czech", "central", "á220 í150 é80 ř100 č100 š90 ž90 ě70 ý70 ů30 ú15 ň10 ó10 ď5 ť5"),
    _language("Slovak", "central", "á260 í110 č110 é80 š90 ž80 ý80 ú60 ľ50 ó40 ň30 ť30 ď20 ô20 ä10 ĺ3 ŕ3", 0.5),
    _language("Hungarian", "central", "á300 é220 ó120 ö90 í70 ő80 ü50 ú40 ű25"),
    _language("Romanian", "central", "ă380 ş150 ţ100 ș100 ț60 â90 î70", 0.5),
    _language("Croatian", "central", "ć330 č230 š200 ž150 đ90", 0.5),
    _language("Estonian", "baltic", "ä330 õ270 ü220 ö100 š30 ž20", 2.5),
    _language("Latvian", "baltic", "ā280 ī160 š140 ē100 ņ100 ū60 ž50 č30 ļ50 ģ20 ķ30", 1.5),
    _language("Lithuanian", "baltic", "ė250 š160 ž150 ų60 ū90 č100 ą60 į50 ę30", 1.5),
    _language("Turkish", "turkish", "ı280 ş160 ü150 ö110 ç110 ğ100 İ50 â3"),
    _language(
        "Vietnamese",
        "vietnamese",
        "đ90 ư70 ơ40 ă15 â80 ê60 ô70 á30 à30 ó20 í10 é5 ã10 ì10 ù10 ò10 ú10 \u0300110 \u0301120 \u0323150 \u030980 \u030350",
        1.0,
    ),
    _language(
        "Russian",
        "cyrillic",
        "о109 а96 е97 и90 н75 т60 с52 л48 р52 в54 д32 п30 к40 м30 у24 ь20 ы15 й20 б20 з18 я22 ч15 ж10 г14 ш8 ц6 ф6 ю8 э4 х8 "
        "щ3 ъ1 ё3",
    ),
    _language(
        "Ukrainian",
        "cyrillic",
        "а85 н82 о90 е65 и61 т59 і56 в51 с42 р42 л40 к50 д35 м30 у29 п28 ь26 я23 з20 б18 й14 ч14 г12 ц10 ж8 ш9 є9 х8 щ5 ф4 ю6 "
        "ї6 ґ1",
        0.5,
    ),
    _language(
        "Bulgarian",
        "cyrillic",
        "а118 е103 и99 т79 о75 н69 р55 с49 в48 л41 д37 п31 м28 к30 з25 б18 ъ17 я15 у14 ч12 г13 й9 ц7 ж6 ш5 ф5 щ4 х4 ю2",
        0.5,
    ),
    _language(
        "Serbian",
        "cyrillic",
        "а122 и102 е99 о85 н65 т56 р55 с51 д38 к37 м35 в36 л31 у30 ј29 п29 з20 б19 г13 ш9 ц9 њ6 ж6 ч6 љ5 ф5 ћ10 х4 ђ3",
        1.0,
    ),
    _language(
        "Greek",
        "greek",
        "α98 ε80 τ65 ι74 ο76 ν60 ρ50 μ38 σ48 π39 κ42 η35 ί32 λ32 υ28 έ23 ς45 δ24 ά28 γ22 ή17 ό22 χ15 θ14 ω18 ύ13 φ9 β9 ώ10 ξ5 "
        "ζ4 ψ2 ϊ3 ϋ1 ΐ1 ΰ1",
    ),
    _language(
        "Hebrew",
        "hebrew",
        "י130 ו114 ה72 ת55 ל65 א63 מ55 ש49 ר55 נ45 ב45 ס25 ד30 ח30 ם26 ק26 פ20 ע24 כ22 ן20 ט15 ג15 ז12 צ10 ך8 ף3 ץ3",
    ),
    _language(
        "Arabic",
        "arabic",
        "ا140 ل105 ي75 م75 ت40 ر52 ن52 و47 ة30 د45 ح35 ع35 أ25 ق22 ب35 س30 ك23 ف20 ج16 ه22 ص14 خ14 إ8 ذ8 ى10 ط10 ث5 غ6 ض5 ش12 "
        "ئ4 ء5 ز10 آ2 ظ2 ؤ2",
        0.5,
    ),
    _language(
        "Thai",
        "thai",
        "า75 น73 อ62 เ50 ร56 ก54 ม50 ล40 ง37 ห32 ย32 ส35 บ30 ด30 ท28 ต28 ว32 ไ20 ป22 จ20 ค20 ใ10 ข15 ช15 ะ14 แ14 ผ10 พ20 ถ11 ำ10 "
        "ซ8 ณ9 โ8 ฟ4 ธ8 ศ8 ญ8 ษ5 ภ5 ฤ2 ฉ3 ฏ1 ฐ2 ิ50 ี40 ึ10 ื15 ุ25 ู15 ั45 ็10 ่45 ้45 ์25",
        0.5,
    ),
    _common(
        "Japanese",
        "japanese",
        "山田川本中村林木藤佐伊加小大東京都市区県株式会社太郎子美一二三井上野石鈴高橋渡辺吉松清阿部原池森西北南島岡福前後千代長谷神奈"
        "横浜名古屋阪道府町丁目番号代表営業開発技術部課長取締役様氏電話住所和明正幸健恵由紀香真直樹智裕花桜河内宮崎熊沢斎近遠青赤白黒金"
        "坂平新今久保安藏関口水菊地丸工藤杉竹尾片桐斉岩瀬広仙台札幌沖縄埼玉葉愛知静岡産興器機製作所商事",
        0.0,
    ),
    _common(
        "Chinese",
        "chinese",
        "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
        "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞"
        "平刚桂小国建华志海玉红春梅云天中大一北京上海广州深圳市省区县路号街道公司有限责任科技技术电子商务贸易集团经理总部长工程师销售姓名地址"
        "邮箱话机城市客户",
        0.0,
    ),
    _common(
        "Traditional Chinese",
        "chinese",
        "王李張劉陳楊趙黃周吳徐孫胡朱高林何郭馬羅梁宋鄭謝韓唐馮董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈魏薛葉余潘杜戴夏鍾汪田任姜方石姚"
        "譚廖鄒熊金陸白邱江顧侯莊賴龔文志明建宏俊傑家豪淑芬美玲雅婷怡君惠麗華國雄小大中台臺北市新竹高雄南縣區路號街段樓香港九龍公司有限股份"
        "科技電子實業工程師經理業務部長姓名地址話信箱客戶城",
        0.3,
    ),
    _common(
        "Korean",
        "korean",
        "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진나지엄채원천방공현함변염여추도소석선설마길연위표명기"
        "반라왕금옥육인맹제모탁국은준수영호희재경미혜아윤시울부산대광특별광역로동읍면리회사식주전자삼기술개발팀과부사업이름주소화번회직책",
        0.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec of Python, how people call it, how rare its files are (a logarithm, see `Language`), and whether it is guessed.

    What is never guessed reads every byte like one that is, but for signs nobody writes.
    """

    codec: str
    label: str
    rarity: float = 0.0
    is_wide: bool = False
    is_guessed: bool = True


ENCODINGS = (
    Encoding("utf-8", "UTF-8", is_guessed=False),
    Encoding("utf-16", "UTF-16", is_guessed=False),
    Encoding("cp1252", "Western (Windows 1252)"),
    Encoding("latin-1", "Western (ISO 8859-1, Latin-1)", is_guessed=False),
    Encoding("iso8859-15", "Western with € (ISO 8859-15)", 0.4),
    Encoding("mac_roman", "Western (Macintosh)", 2.5),
    Encoding("cp850", "Western (DOS 850)", 2.5),
    Encoding("cp437", "Western (DOS 437)", 3.5),
    Encoding("cp1250", "Central European (Windows 1250)", 0.2),
    Encoding("iso8859-2", "Central European (ISO 8859-2)", 1),
    Encoding("cp852", "Central European (DOS 852)", 3.2),
    Encoding("mac_latin2", "Central European (Macintosh)", 4),
    Encoding("iso8859-16", "South-Eastern European (ISO 8859-16)", 4),
    Encoding("cp1254", "Turkish (Windows 1254)", 0.3),
    Encoding("iso8859-9", "Turkish (ISO 8859-9)", is_guessed=False),
    Encoding("cp857", "Turkish (DOS 857)", 4),
    Encoding("cp1257", "Baltic (Windows 1257)", 0.5),
    Encoding("iso8859-13", "Baltic (ISO 8859-13)", 3),
    Encoding("iso8859-4", "Baltic (ISO 8859-4)", 4),
    Encoding("cp775", "Baltic (DOS 775)", 4),
    Encoding("cp1251", "Cyrillic (Windows 1251)"),
    Encoding("koi8-r", "Cyrillic (KOI8-R)", 1),
    Encoding("koi8-u", "Cyrillic (KOI8-U)", 1.2),
    Encoding("iso8859-5", "Cyrillic (ISO 8859-5)", 2),
    Encoding("cp866", "Cyrillic (DOS 866)", 1.5),
    Encoding("mac_cyrillic", "Cyrillic (Macintosh)", 2.5),
    Encoding("cp1253", "Greek (Windows 1253)"),
    Encoding("iso8859-7", "Greek (ISO 8859-7)", 0.6),
    Encoding("cp737", "Greek (DOS 737)", 3),
    Encoding("cp1255", "Hebrew (Windows 1255)"),
    Encoding("iso8859-8", "Hebrew (ISO 8859-8)", 1.5),
    Encoding("cp1256", "Arabic (Windows 1256)"),
    Encoding("iso8859-6", "Arabic (ISO 8859-6)", 1.5),
    Encoding("cp874", "Thai (Windows 874)"),
    Encoding("cp1258", "Vietnamese (Windows 1258)", 2),
    Encoding("cp932", "Japanese (Shift JIS)", is_wide=True),
    Encoding("euc_jp", "Japanese (EUC)", 1, is_wide=True),
    Encoding("gb18030", "Chinese, simplified (GB 18030)", is_wide=True),
    Encoding("big5hkscs", "Chinese, traditional (Big5)", 0.2, is_wide=True),
    Encoding("cp949", "Korean (EUC, Windows 949)", is_wide=True),
)


def mixture(language: Language) -> dict[str, float]:
    """The letters to expect in a file of mostly this language: its own, some of its family's and a few of anybody's."""
    shares = chain(
        ((0.77, language),),
        ((0.04, other) for other in _FAMILY[language.family]),
        ((0.03 / len(LANGUAGES), other) for other in LANGUAGES),
    )
    mixed: dict[str, float] = {}
    for share, other in shares:
        for letter, frequency in other.letters.items():
            mixed[letter] = mixed.get(letter, 0.0) + share * frequency
    return mixed


_FAMILY: dict[str, list[Language]] = {}
for _one in LANGUAGES:
    _FAMILY.setdefault(_one.family, []).append(_one)
