"""What stays together on a line beyond words: signs, figures, addresses, hyphens. Data only, read by `no_break`.

In patterns ␣ is a space that holds, ‿ a place between two characters that holds; a pattern with neither holds as a
whole. {L} is any letter, {U} a capital, {l} a small one. What languages hold by their words stands in
`domain.kept_together`.
"""

from __future__ import annotations

from flux2flow.domain.kept_together import CURRENCY_CODES, CURRENCY_SIGNS, UNITS

# What holds in every language; PATTERNS and a language's words come on top.
EVERYWHERE: tuple[str, ...] = (
    # 5 kg, 20 €, 5 % (SI, ISO 4217), and 5 KG in a line of capitals
    rf"\d␣(?=(?:{UNITS}|{UNITS.upper()}|{CURRENCY_CODES})(?!\w))|\d␣(?=[%‰٪؉°{CURRENCY_SIGNS}])",
    rf"[{CURRENCY_SIGNS}§№#±≈≤≥]␣(?=\d)|(?<![A-Z])(?:{CURRENCY_CODES})␣(?=\d)",  # € 49, § 5, CHF 12
    r"(?<=\d)␣(?=\d{3}(?!\d))",  # 12 000: ISO 80000-1, groups of three
    r"\d␣[×x✕+−–]␣(?=\d)",  # 10 × 15, 2 + 1: a sign of reckoning stays between its numbers (ISO 80000-2)
    r"(?<=[\d.][–‒])‿(?=\d)",  # 2025–2026, 24.–26.: ranges
    r"(?<![\d.])\d{1,2}\.␣(?=\d{1,2}\.)",  # 24. 12.
    r"\d-{l}{1,3}(?!\w)(?:-\d+)?",  # 5-й, 24-én, 10-ga, 2-in-1: a figure and its ending
    r"(?<!\w){L}-‿(?={L})",  # E-Mail, T-Shirt, X-ray, a-t-il: one letter is no line's end (DIN 5008, Duden, Chicago)
    r"(?<![\w.-])(?:{U}\.-)+{U}\.",  # J.-P., J.-C.
    # J. R. R. Tolkien, but not the end of a sentence on Vitamin C. (Chicago, DIN 5008, Imprimerie nationale)
    r"(?<![Vv]itamin )(?<!Plan )(?<!Typ )(?<!Type )(?<!Class )(?<!Klasse )(?<!Grade )(?<![\w.’']){U}\.␣(?={U})",
    r"(?<!\w){L}\.␣(?={L}{1,2}\.)",  # z. B., т. д., e. g. (DIN 5008)
    r"{U}{l}+␣(?=(?:[IVX]{2,6}|V|X)(?!\w))",  # Louis XIV, Type II
    r"(?<!\w){U}␣&␣(?={U}(?!\w))|␣&␣(?=(?:Co|Cie|Söhne|Sons|Fils|Figli|Hijos)(?!\w))",  # H & M, & Co.
    r"␣(?=[–—]␣)",  # a dash stays with what it follows (DIN 5008, Chicago, Мильчин)
    r"(?<=[!-⟿])‿—(?!—)|(?<![^\s(«“„])[—–]‿(?={L})",  # word—word; —inciso—: it ends a line, or opens with its word
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # an address of electronic mail
    r"://‿(?=\w)",  # https://example.限时: an address never parts after its scheme, whatever letters follow
    # A host's name; the path after it may break at its slashes.
    r"(?:(?<![A-Za-z\d])https?://|(?<![\w./-]))(?:[\w-]+\.)+(?:{l}{2,})(?![\w.])",
    # Telephone numbers: international (E.123), in France's pairs, in North America, with an area code.
    r"(?<![\w+])\+\d{1,3}(?:[ ./()-]{1,2}\d{1,5}){2,7}",
    r"(?<![\d.,])0\d(?:[ .-]\d\d){4}(?!\d)|(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)",
    r"(?<![\d.,])0\d{1,5}[ /-]\d{2,8}(?:[ -]\d{2,5})*(?!\d)|(?<!\d)1[ -]8\d\d(?:[ -][A-Z\d]{2,7}){1,3}(?!\w)",
)

# A number and what counts it; where one is the beginning of another, the longer comes first.
_KOREAN_COUNTERS = "년|월|일|시간|시|분|초|원|만|억|천|개|명|인|병|장|회|번|가지|종|세|주|배"
_JAPANESE_FIGURES = (
    r"第?(?<![\d,.])[\d,.]+(?:万|億|千|百)?(?:円|年間|年|ヶ月|か月|カ月|月|日間|日|週間|時間|時|分間|分|秒|個|本|枚"
    r"|名様|名|人|回|歳|才|倍|種類|種|点|件|台|杯|割|％|%|周年|袋|箱|冊|度|号|階|位|色|つ|代|ページ|キロ|グラム|メートル|センチ"
    r"|ミリ|リットル|ワット)"
)
_DATE = r"\d{1,2}月\d{1,2}[日号號]"
_RANGE = r"(?<=[\d月日号年時时円元点點])[〜～]‿(?=\d)"
_ORDINAL = r"第‿(?=[\d一二三四五六七八九十百])"
# 十二席, 一号店: figures in kanji hold what they count, but 唯一, 統一 and their like are words of their own.
_KANJI_FIGURES = r"(?<![唯統単均同])[〇一二三四五六七八九十百千]‿(?=[一-鿿])"
_HANZI_FIGURES = (
    r"[〇一二三四五六七八九十百千两兩]"
    r"‿(?=[〇一二三四五六七八九十百千个個杯瓶片件名人次岁歲倍种種款台折盒册冊层層位天年月])"
)
_CHINESE_FIGURES = (
    r"[约約]?(?<![\d,.])[\d,.]+(?:万|萬|亿|億|千|百)?(?:元|年|个月|個月|月|日|号|號|天|周年|週年|周|週|小时|小時|点"
    r"|點|时|時|分钟|分鐘|分|秒|个|個|瓶|片|件|名|人|次|岁|歲|倍|种|種|款|台|杯|折|％|%|盒|册|冊|度|层|層|位|色|页|頁|公斤|克"
    r"|厘米|毫米|米|毫升|升|瓦)"
)

# What holds in one language, by its rules that are more than words; the sources are those of its words.
PATTERNS: dict[str, tuple[str, ...]] = {
    "en": (r"\d(?:st|nd|rd|th)␣(?=of|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))",),
    "de": (r"(?<!\w)(?:ca|rd|ggf|bzw)\.␣(?=\d)",),
    "fr": (
        r"\d␣h␣(?=\d\d?(?!\d))|\dh␣(?=\d\d)",
        r"(?:1er|1re|\d+e|\d+ème)␣(?={l})",
        r"[IVX]+e(?:r|re)?␣(?=siècle|s\.|arr)",
        r"(?<=av\.)␣(?=J\.)|(?<=apr\.)␣(?=J\.)",
        r"p\.␣ex\.|c\.-à-d\.",
    ),
    "es": (r"p\.␣ej\.", r"\d␣(?=[ap]\.␣?m\.)|(?<=[ap]\.)␣(?=m\.)"),
    "pt": (r"p\.␣ex\.", r"R\$␣(?=\d)"),
    "it": (r"p\.␣es\.",),
    "pl": (r"[IVX]+␣(?=w\.)",),
    "tr": (r"{L}␣(?=(?:mı|mi|mu|mü)\w{0,6}\?)",),
    "ru": (r"[IVX]+␣(?=вв?\.)",),
    "uk": (r"[IVX]+␣(?=ст\.)",),
    "fa": (r"(?<!\w)ن?می␣(?={L})", r"{L}␣(?=(?:ها|های|هایی|تر|ترین)(?!\w))"),
    "ko": (rf"\d␣(?=(?:{_KOREAN_COUNTERS})(?![\uac00-\ud7a3]{{3}}))", r"\d[월년]␣(?=\d{1,2}[일월])"),
    # JLREQ: figures and what counts them are one word; so is a date's month or day.
    "ja": (_JAPANESE_FIGURES, _DATE, _RANGE, _ORDINAL, _KANJI_FIGURES),
    # CLREQ and GB/T 15834: figures and what counts them are one word.
    "zh": (_CHINESE_FIGURES, _DATE, _RANGE, _ORDINAL, _HANZI_FIGURES, r"第\d+{L}"),
}
