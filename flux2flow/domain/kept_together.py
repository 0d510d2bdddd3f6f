"""What stays together on a line, language by language, as words and signs: data only.

Typography turns it into places that hold, the check `no-break` into what a finished line must not have parted; each by
patterns of its own, so that a slip in one is seen by the other. In words ␣ is a space.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What holds in one language; every list but the marks is words, as parts of a pattern parted by `|`.

    `months` keep the day before them (`month_first`: the day after, too; `day_link`: with a word between).
    `ordinal_stop`: numbers with a full stop keep the word after them. `numbered` words keep the number after them,
    `titles` the name, `quantities` the number before them. `short` words never end a line, `avoided` ones had better
    not, `leaning` ones never begin one. After a space `closing` marks begin no line; before one, `opening` ones end
    none.
    """

    months: str = ""
    month_first: bool = False
    day_link: str = ""
    ordinal_stop: bool = False
    numbered: str = ""
    titles: str = ""
    quantities: str = ""
    short: str = ""
    avoided: str = ""
    leaning: str = ""
    opening: str = ""
    closing: str = ""


CURRENCY_SIGNS = "€$£¥₹₩₪₫₺₽₴₦₱฿₡₲₵₸₮₼₾₨"
# ISO 4217, the currencies prices are set in.
CURRENCY_CODES = (
    "EUR|USD|GBP|CHF|JPY|CNY|PLN|CZK|HUF|RON|BGN|SEK|NOK|DKK|ISK|TRY|RUB|UAH|INR|KRW|ILS|AED|SAR|QAR|KWD|EGP|MAD|BRL"
    "|MXN|ARS|CLP|COP|PEN|AUD|NZD|CAD|SGD|HKD|TWD|THB|VND|IDR|MYR|PHP|ZAR|RSD|GEL|AMD|KZT|BDT|PKR|LKR|KES|NGN"
)
# The SI Brochure, 9th edition, §5.4.3: a space parts number and unit, and they are read as one. Then trade units.
UNITS = (
    r"[%‰]|°[CF]?|℃|℉|″|′|[kKMGTPmcdµμn]?(?:m[²³23]?|g|[lL]|W|Wh|V|A|Ah|Hz|B|b|bit|bps|J|Pa|N|s|lx|lm|bar|cd|t|K|cal)"
    r"|px|pt|Mpx|MP|dB|h|min|ha|kcal|rpm|dpi|ppi|fps|km/h|m/s|[kMG](?:bit|B|b)/s|oz|fl␣oz|lbs?|ft|yd|mph|kt|pH|Ω|ppm"
)

_ENGLISH_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan\\.?|Feb\\.?|Mar\\.?|Apr\\.?|Jun\\.?|Jul\\.?|Aug\\.?|Sept?\\.?|Oct\\.?|Nov\\.?|Dec\\.?"
)
_SPANISH_TITLES = "Sr\\.|Sra\\.|Srta\\.|D\\.|Dña\\.|Dr\\.|Dra\\.|Prof\\.|Ing\\.|Lic\\.|Excmo\\.|Sto\\.|Sta\\."
_SERBIAN_MONTHS = (
    "januara?|februara?|marta?|aprila?|maja?|juna?|jula?|avgusta?|septembra|oktobra|novembra|decembra"
    "|јануара?|фебруара?|марта?|априла?|маја?|јуна?|јула?|августа?|септембра|октобра|новембра|децембра"
)

WORDS: dict[str, Words] = {
    # Chicago Manual of Style, chapters 6 to 9, and New Hart's Rules: name, date, time, measure.
    "en": Words(
        months=_ENGLISH_MONTHS, month_first=True,
        numbered=r"No\.|Nos\.|Fig\.|Figs\.|p\.|pp\.|vol\.|Vol\.|ch\.|Ch\.|Art\.|Sec\.|ISO|EN|Level|Size|Part|Chapter",
        titles=r"Mr\.?|Mrs\.?|Ms\.?|Mx\.?|Dr\.?|Prof\.|St\.?|Rev\.|Hon\.|Sen\.|Gov\.|Gen\.|Capt\.|Lt\.|Sgt\.",
        quantities=r"a\.?m\.?|p\.?m\.?|AM|PM|in\.|mi|gal|pt|qt|sq|cu|million|billion|trillion|mn|bn|pcs?|mins?|hrs?"
        r"|secs?",
        avoided="a|I",
    ),
    # DIN 5008 (the no-break space: abbreviations, dates, titles, numbers) and Duden, Schreiben und Gestalten.
    "de": Words(
        months="Januar|Jänner|Februar|Feber|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
        "|Jan\\.|Feb\\.|Apr\\.|Aug\\.|Sept?\\.|Okt\\.|Nov\\.|Dez\\.",
        ordinal_stop=True,
        numbered=r"Nr\.|Nrn\.|S\.|Abb\.|Tab\.|Abs\.|Art\.|Kap\.|Bd\.|Ziff\.|Tel\.|DIN|EN|ISO|PLZ|Größe|Gr\.|Stufe"
        r"|Teil",
        titles=r"Dr\.|Prof\.|Hr\.|Fr\.|Herr|Herrn|Frau|Familie|Dipl\.-Ing\.|Ing\.|Mag\.|St\.|Sankt|med\.|jur\.|phil\.",
        quantities=r"Uhr|Mio\.|Mrd\.|Tsd\.|Stk\.|Stück|Std\.|Min\.|Sek\.|Prozent|Euro|Cent|Franken|Liter|Gramm|Kilo"
        r"|Jahre?n?|Tagen?"
        r"|Mal|Watt",
    ),
    # Imprimerie nationale, Lexique des règles typographiques en usage (2002): the espaces insécables.
    "fr": Words(
        months="janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|janv\\.|févr\\."
        "|avr\\.|juill\\.|sept\\.|oct\\.|nov\\.|déc\\.",
        numbered=r"n°|nos|N°|p\.|pp\.|art\.|fig\.|vol\.|t\.|chap\.|tél\.|Tél\.|taille|ISO|NF",
        titles=r"M\.|MM\.|Mme|Mmes|Mlle|Mlles|Me|Mgr|Dr|Drs|Pr|St|Ste|sœur|frère",
        quantities=r"heures?|minutes?|secondes?|ans|euros?|centimes?|millions?|milliards?|ml|cl|dl|mois|jours?|fois"
        r"|octets?|Go"
        r"|Mo|Ko|To|pces?|watts?",
        avoided="à|y|a|ô", opening="«", closing=";:!?»%",
    ),
    # Real Academia Española, Ortografía (2010), and Martínez de Sousa, Manual de estilo: one letter ends no line.
    "es": Words(
        months="enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre",
        day_link="de",
        numbered=r"n\.º|núm\.|N\.º|pág\.|págs\.|art\.|cap\.|fig\.|tel\.|Tel\.|siglo|siglos|s\.|talla|ISO",
        titles=_SPANISH_TITLES,
        quantities=r"euros?|céntimos|pesos|millones|mil|horas?|minutos?|años|días|meses|litros?|gramos|kilos?|veces"
        r"|h|uds?\.",
        avoided="a|e|o|u|y",
    ),
    # Institut d'Estudis Catalans, Ortografia catalana; as Spanish.
    "ca": Words(
        months="de gener|de febrer|de març|d[’']abril|de maig|de juny|de juliol|d[’']agost|de setembre|d[’']octubre"
        "|de novembre|de desembre",
        numbered=r"núm\.|pàg\.|art\.|tel\.|segle", titles=r"Sr\.|Sra\.|Srta\.|Dr\.|Dra\.",
        quantities="euros?|milions|hores|minuts|anys|dies", avoided="a|e|i|o|u",
    ),
    # Portugal's Código de Redação and Brazil's Manual de Redação: initials, numbers, dates; one letter had better not.
    "pt": Words(
        months="janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro",
        day_link="de",
        numbered=r"n\.º|n\.o|nº|N\.º|pág\.|págs\.|art\.|cap\.|fig\.|tel\.|Tel\.|século|tamanho|ISO",
        titles=r"Sr\.|Sra\.|Srta\.|Srs\.|D\.|Dr\.|Dra\.|Prof\.|Profa\.|Eng\.|Exmo\.|Sto\.|Sta\.",
        quantities=r"euros?|reais|milhões|mil|bilhões|horas?|minutos?|anos|dias|meses|litros?|gramas|quilos?|vezes|h",
        avoided="a|à|e|é|o|ó",
    ),
    # Lesina, Il nuovo manuale di stile: numbers, dates and titles; one letter had better not.
    "it": Words(
        months="gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
        numbered=r"n\.|nn\.|N\.|p\.|pp\.|pag\.|art\.|cap\.|fig\.|vol\.|tel\.|Tel\.|taglia|ISO",
        titles=r"Sig\.|Sig\.ra|Sig\.na|Dott\.|Dott\.ssa|Dr\.|Prof\.|Prof\.ssa|Ing\.|Avv\.|Arch\.|S\.|San|Santa",
        quantities=r"euro|milioni|miliardi|mila|ore|minuti|anni|giorni|mesi|litri|grammi|chili|volte|pz\.?",
        avoided="a|e|è|o|i",
    ),
    # Taalunie, Taaladvies: the clitics ’s, ’t, ’n lean on the next word.
    "nl": Words(
        months="januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december|jan\\."
        "|feb\\.|apr\\."
        "|aug\\.|sept\\.|okt\\.|nov\\.|dec\\.",
        numbered=r"nr\.|Nr\.|blz\.|p\.|art\.|fig\.|tel\.|Tel\.|maat|ISO|NEN",
        titles=r"dhr\.|mevr\.|mw\.|dr\.|prof\.|ir\.|ing\.|drs\.|mr\.|St\.",
        quantities=r"uur|miljoen|miljard|duizend|jaar|dagen|euro|liter|gram|kilo|stuks|st\.",
        short="[’']s|[’']t|[’']n|[’']k",
    ),
    # Retskrivningsordbogen (da), Svenska skrivregler (sv), Språkrådet (nb, nn).
    "da": Words(
        months="januar|februar|marts|april|maj|juni|juli|august|september|oktober|november|december",
        ordinal_stop=True,
        numbered=r"nr\.|s\.|kl\.|fig\.|art\.|kr\.|tlf\.|str\.|ISO", titles=r"hr\.|fr\.|dr\.|prof\.|Hr\.|Fr\.|Dr\.",
        quantities=r"kr\.?|mio\.|mia\.|år|dage|timer|stk\.|liter|gram|procent|pct\.", avoided="i|å|ø",
    ),
    "nb": Words(
        months="januar|februar|mars|april|mai|juni|juli|august|september|oktober|november|desember", ordinal_stop=True,
        numbered=r"nr\.|s\.|kl\.|fig\.|art\.|kr|tlf\.|str\.|ISO", titles=r"hr\.|fr\.|dr\.|prof\.|Dr\.",
        quantities=r"kr\.?|mill\.|mrd\.|år|dager|timer|stk\.?|liter|gram|prosent|kroner", avoided="i|å",
    ),
    "sv": Words(
        months="januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december",
        numbered=r"nr|nr\.|s\.|kl\.|fig\.|kap\.|tel\.|str\.|stl\.?|ISO", titles=r"hr|fr|dr|prof\.|Dr",
        quantities=r"kr\.?|kronor|mn|mnkr|md|mdkr|miljoner|tkr|år|dagar|timmar|tim|st\.?|liter|gram|procent",
        avoided="i|å|ö",
    ),
    # Kielitoimiston ohjepankki; Icelandic by Ritreglur.
    "fi": Words(
        months="tammikuuta|helmikuuta|maaliskuuta|huhtikuuta|toukokuuta|kesäkuuta|heinäkuuta|elokuuta|syyskuuta"
        "|lokakuuta"
        "|marraskuuta|joulukuuta",
        ordinal_stop=True, numbered=r"nro|n:o|s\.|klo|kuva|puh\.|ISO", titles="hra|rva|tri|prof\\.",
        quantities=r"euroa|milj\.|mrd\.|vuotta|päivää|tuntia|kpl|prosenttia|litraa|grammaa",
    ),
    "is": Words(
        months="janúar|febrúar|mars|apríl|maí|júní|júlí|ágúst|september|október|nóvember|desember", ordinal_stop=True,
        numbered=r"nr\.|bls\.|kl\.|kr\.", quantities=r"kr\.?|ár|daga|millj\.", avoided="á|í|ó",
    ),
    # PN-83/P-55366 and Wolański, Edycja tekstów: no one-letter word at a line's end.
    "pl": Words(
        months="stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia",
        numbered=r"nr|Nr|s\.|str\.|rys\.|tab\.|art\.|ust\.|pkt|godz\.|tel\.|ul\.|al\.|pl\.|os\.|rozm\.|ISO",
        titles=r"p\.|pp\.|dr|dr\.|prof\.|mgr|inż\.|hab\.|ks\.|św\.|gen\.|Pan|Pani",
        quantities=r"zł|gr|tys\.|mln|mld|godz\.|min\.|szt\.|lat|lata|dni|r\.|w\.|proc\.|litrów|osób",
        short="a|i|o|u|w|z",
    ),
    # ČSN 01 6910 and the Czech Academy's Internetová jazyková příručka: one-letter prepositions, a, i.
    "cs": Words(
        months="ledna|února|března|dubna|května|června|července|srpna|září|října|listopadu|prosince",
        ordinal_stop=True,
        numbered=r"č\.|čís\.|s\.|str\.|obr\.|tab\.|odst\.|čl\.|tel\.|vel\.|ISO|ČSN",
        titles=r"p\.|pí|sl\.|Dr\.|Ing\.|Mgr\.|MUDr\.|JUDr\.|PhDr\.|prof\.|doc\.|Bc\.|sv\.|pan|paní",
        quantities=r"Kč|hal\.|tis\.|mil\.|mld\.|hod\.|min\.|ks|let|roky|rok|dní|dny|korun|procent|osob|litrů|st\.",
        short="a|i|k|o|s|u|v|z",
    ),
    # STN 01 6910; as Czech.
    "sk": Words(
        months="januára|februára|marca|apríla|mája|júna|júla|augusta|septembra|októbra|novembra|decembra",
        ordinal_stop=True,
        numbered=r"č\.|s\.|str\.|obr\.|tab\.|ods\.|čl\.|tel\.|veľ\.|ISO|STN",
        titles=r"p\.|pí|Dr\.|Ing\.|Mgr\.|MUDr\.|JUDr\.|prof\.|doc\.|Bc\.|sv\.|pán|pani",
        quantities=r"eur|tis\.|mil\.|mld\.|hod\.|min\.|ks|rokov|roky|rok|dní|percent|osôb|litrov",
        short="a|i|k|o|s|u|v|z",
    ),
    # Slovenski pravopis; Hrvatski pravopis; Pravopis srpskoga jezika: dates; one letter had better not.
    "sl": Words(
        months="januarja|februarja|marca|aprila|maja|junija|julija|avgusta|septembra|oktobra|novembra|decembra",
        ordinal_stop=True, numbered=r"št\.|str\.|sl\.|čl\.|tel\.", titles=r"g\.|ga\.|dr\.|prof\.|mag\.|sv\.",
        quantities=r"evrov|mio\.|mrd\.|ur|let|dni|kos\.?|odstotkov", avoided="a|k|o|s|u|v|z|h",
    ),
    "hr": Words(
        months="siječnja|veljače|ožujka|travnja|svibnja|lipnja|srpnja|kolovoza|rujna|listopada|studenoga?|prosinca",
        ordinal_stop=True, numbered=r"br\.|str\.|sl\.|čl\.|tel\.", titles=r"g\.|gđa|dr\.|prof\.|mr\.|sv\.",
        quantities=r"eura|kn|mil\.|mlrd\.|sati|godina|dana|kom\.?|posto", avoided="a|i|k|o|s|u",
    ),
    "sr": Words(
        months=_SERBIAN_MONTHS, ordinal_stop=True, numbered=r"br\.|str\.|čl\.|tel\.|бр\.|стр\.|чл\.|тел\.",
        titles=r"g\.|gđa|dr|prof\.|г\.|гђа|др|проф\.",
        quantities=r"din\.?|RSD|evra|mil\.|дин\.?|евра|мил\.|сати|година|дана",
        avoided="a|i|k|o|s|u|а|и|к|о|с|у",
    ),
    # Akadémiai helyesírás: dates run year, month, day.
    "hu": Words(
        months="január|február|március|április|május|június|július|augusztus|szeptember|október|november|december",
        month_first=True, ordinal_stop=True, numbered=r"tel\.|Tel\.|kb\.|ISO",
        titles=r"dr\.|Dr\.|prof\.|ifj\.|id\.|özv\.|Szt\.",
        quantities=r"Ft|forint|ezer|millió|milliárd|év|nap|óra|perc|db|oldal|fő|évre",
        avoided="a|s|ő",
    ),
    # DOOM 3 and Romanian custom.
    "ro": Words(
        months="ianuarie|februarie|martie|aprilie|mai|iunie|iulie|august|septembrie|octombrie|noiembrie|decembrie",
        numbered=r"nr\.|Nr\.|pag\.|art\.|fig\.|tel\.|Tel\.", titles=r"dl|dl\.|dna|d-na|dr\.|prof\.|ing\.|Sf\.",
        quantities=r"lei|bani|mii|mil\.|mld\.|ore|ani|zile|buc\.?|de ani|de lei|de zile", avoided="a|o|e",
    ),
    # Yazım Kılavuzu (TDK).
    "tr": Words(
        months="Ocak|Şubat|Mart|Nisan|Mayıs|Haziran|Temmuz|Ağustos|Eylül|Ekim|Kasım|Aralık",
        numbered=r"No\.?|s\.|Şek\.|Tel\.",
        titles=r"Dr\.|Prof\.|Doç\.|Av\.|Sn\.|Hz\.",
        quantities=r"TL|lira|kuruş|bin|milyon|milyar|yıl|gün|saat|dakika|adet|kişi",
        leaning="mı|mi|mu|mü",
    ),
    # Мильчин и Чельцова, Справочник издателя и автора: one-letter words go with the next, the particles with the last.
    "ru": Words(
        months="января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря",
        numbered=r"стр\.|с\.|рис\.|табл\.|гл\.|ст\.|п\.|пп\.|т\.|тел\.|ул\.|д\.|кв\.|корп\.|ГОСТ|ISO|разм\.",
        titles=r"г-н|г-жа|г\.|гр\.|д-р|проф\.|акад\.|св\.|им\.|тов\.",
        quantities=r"руб\.?|рублей|рубля|рубль|р\.|коп\.?|тыс\.|млн|млрд|ч|час|часов|часа|мин\.?|сек\.?|шт\.|лет"
        r"|года?|г\.|гг\.|вв?\."
        r"|кг|г|мг|мл|л|м|см|мм|км|м²|м³|Вт|кВт|Гц|ГБ|МБ|дней|дня|день|раза?",
        short="а|в|и|к|о|с|у|я", leaning="бы?|ли|ль|же?",
    ),
    # Український правопис (2019) and publishers' custom: one-letter words.
    "uk": Words(
        months="січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня",
        numbered=r"стор\.|с\.|рис\.|табл\.|розд\.|ст\.|п\.|т\.|тел\.|вул\.|буд\.|кв\.|ДСТУ|ISO|розм\.",
        titles=r"п\.|пан|пані|д-р|проф\.|акад\.|св\.|ім\.",
        quantities=r"грн\.?|гривень|гривні|коп\.?|тис\.|млн|млрд|год|годин|години|хв|с|шт\.|років|роки|рік|р\.|рр\."
        r"|ст\.|кг|г|мг|мл|л|м"
        r"|см|мм|км|м²|Вт|кВт|Гц|ГБ|днів|дні|день|разів",
        short="а|в|з|і|й|о|у|є|я", leaning="би?|же?",
    ),
    # Официален правописен речник: as Russian, by custom.
    "bg": Words(
        months="януари|февруари|март|април|май|юни|юли|август|септември|октомври|ноември|декември",
        numbered=r"стр\.|с\.|фиг\.|табл\.|гл\.|чл\.|ал\.|т\.|тел\.|ул\.|бул\.|БДС|ISO",
        titles=r"г-н|г-жа|г-ца|д-р|проф\.|доц\.|св\.",
        quantities=r"лв\.?|лева|ст\.|хил\.|млн\.?|млрд\.?|ч\.?|мин\.?|бр\.|години|година|г\.|кг|г|мл|л|м|см|мм|км"
        r"|дни|ден|евро",
        short="а|в|и|с|о|у", leaning="ли",
    ),
    # Κέντρο Ελληνικής Γλώσσας and custom: numbers, dates, titles.
    "el": Words(
        months="Ιανουαρίου|Φεβρουαρίου|Μαρτίου|Απριλίου|Μαΐου|Ιουνίου|Ιουλίου|Αυγούστου|Σεπτεμβρίου|Οκτωβρίου"
        "|Νοεμβρίου"
        "|Δεκεμβρίου",
        numbered=r"αρ\.|σ\.|σελ\.|άρ\.|εικ\.|τηλ\.|κεφ\.", titles=r"κ\.|κα|κος|Δρ|δρ\.|καθ\.|Αγ\.",
        quantities=r"ευρώ|λεπτά|χιλ\.|εκατ\.|δισ\.|ώρες|ώρα|χρόνια|ημέρες|μέρες|τεμ\.|κιλά|τ\.μ\.|π\.μ\.|μ\.μ\.",
        avoided="ο|η",
    ),
    # CLDR's units and currencies in Arabic: a number and its unit are read as one.
    "ar": Words(
        months="يناير|فبراير|مارس|أبريل|إبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر|كانون|شباط|آذار"
        "|نيسان|أيار"
        "|حزيران|تموز|آب|أيلول|تشرين|محرم|رمضان|شوال|رجب|شعبان|صفر",
        numbered=r"رقم|ص\.|هاتف|مقاس", titles=r"د\.|أ\.|م\.|أ\.د\.|السيد|السيدة|الدكتور|الدكتورة|الشيخ",
        quantities=r"كجم|كغ|كغم|كلغ|غ|غم|جم|جرام|غرام|ملغ|مجم|مل|مليلتر|ملليلتر|ل|لتر|سم|مم|كم|م|متر|واط|كيلو"
        r"|كيلوغرام|كيلوجرام|درهمًا?|دراهم"
        r"|ريالًا?|ريالات|دينارًا?|دنانير|جنيهًا?|جنيهات|ليرة|ليرات|دولارًا?|يورو|ر\.س\.?|د\.إ\.?|د\.ك\.?|ج\.م\.?"
        r"|ر\.ق\.?|ألف|آلاف|مليون|مليار"
        r"|ساعة|ساعات|دقيقة|دقائق|ثانية|يومًا?|أيام|شهرًا?|أشهر|سنة|سنوات|عامًا?|قطعة|قطع|٪|%|بالمئة|بالمائة|ص|صباحًا"
        r"|مساءً|م\.|ق\.م",
        short="و",
    ),
    "fa": Words(
        months="فروردین|اردیبهشت|خرداد|تیر|مرداد|شهریور|مهر|آبان|آذر|دی|بهمن|اسفند", numbered=r"شماره|ص\.|تلفن|سایز",
        titles=r"دکتر|آقای|خانم|مهندس",
        quantities=r"تومان|ریال|هزار|میلیون|میلیارد|درصد|کیلو|کیلوگرم|گرم|میلی‌لیتر|لیتر|سانتی‌متر|متر|ساعت"
        r"|دقیقه|روز|ماه|سال|عدد|نفر|٪",
    ),
    "ur": Words(
        months="جنوری|فروری|مارچ|اپریل|مئی|جون|جولائی|اگست|ستمبر|اکتوبر|نومبر|دسمبر", numbered=r"نمبر|صفحہ|فون|سائز",
        titles=r"ڈاکٹر|جناب|محترمہ|پروفیسر",
        quantities=r"روپے|روپیہ|ہزار|لاکھ|کروڑ|فیصد|کلو|گرام|لیٹر|ملی لیٹر|میٹر|گھنٹے|منٹ|دن|سال|٪",
    ),
    # The Academy of the Hebrew Language: number and unit; a prefix letter leans on the next word.
    "he": Words(
        months="ב?ינואר|ב?פברואר|ב?מרץ|ב?אפריל|ב?מאי|ב?יוני|ב?יולי|ב?אוגוסט|ב?ספטמבר|ב?אוקטובר|ב?נובמבר|ב?דצמבר",
        numbered=r"מס[׳'’]|עמ[׳'’]|טל[׳'’]\.?|מידה", titles=r"ד[\"״]ר|פרופ[׳'’]|מר|גב[׳'’]|הרב|עו[\"״]ד",
        quantities=r"ש[\"״]ח|שקלים|שקל|אגורות|ק[\"״]ג|גרם|גר[׳'’]|מ[\"״]ל|מ[\"״]ג|ליטר|ס[\"״]מ|מ[\"״]מ|מ[\"״]ר"
        r"|ק[\"״]מ|מטר|אחוזים?|אלף|מיליון"
        r"|שעות|דקות|ימים|שנים|שנה|יח[׳'’]|יחידות",
    ),
    # CLDR's units and currencies; the danda never begins a line (UAX #14 keeps it after a letter, not after a space).
    "hi": Words(
        months="जनवरी|फ़?रवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|अक्तूबर|नवंबर|दिसंबर",
        numbered=r"रु\.|रु॰|सं\.|पृ\.|नं\.", titles=r"डॉ\.|डॉ॰|श्री|श्रीमती|सुश्री|प्रो\.|पं\.",
        quantities=r"रुपये|रुपए|रुपया|पैसे|हज़ार|हजार|लाख|करोड़|किलो|किग्रा|किलोग्राम|ग्राम|मिली|मि\.ली\.|लीटर|सेमी"
        r"|मीटर"
        r"|घंटे|मिनट|दिन|साल|वर्ष"
        r"|प्रतिशत|बजे",
        closing="।॥",
    ),
    "bn": Words(
        months="জানুয়ারি|ফেব্রুয়ারি|মার্চ|এপ্রিল|মে|জুন|জুলাই|আগস্ট|সেপ্টেম্বর|অক্টোবর|নভেম্বর|ডিসেম্বর",
        numbered=r"নং|পৃ\.",
        titles=r"ডা\.|ড\.|জনাব|শ্রী|শ্রীমতি|অধ্যাপক",
        quantities=r"টাকা|হাজার|লাখ|কোটি|কেজি|গ্রাম|মিলি|লিটার|সেমি|মিটার|ঘণ্টা|মিনিট|দিন|বছর|শতাংশ",
        closing="।॥",
    ),
    "ta": Words(
        months="ஜனவரி|பிப்ரவரி|மார்ச்|ஏப்ரல்|மே|ஜூன்|ஜூலை|ஆகஸ்ட்|செப்டம்பர்|அக்டோபர்|நவம்பர்|டிசம்பர்",
        numbered=r"எண்|ரூ\.|பக்\.",
        titles=r"டாக்டர்|திரு\.|திருமதி|முனைவர்",
        quantities=r"ரூபாய்|ஆயிரம்|லட்சம்|கோடி|கிலோ|கிராம்|மில்லி|லிட்டர்|மீட்டர்|மணி|நிமிடங்கள்|நாட்கள்|ஆண்டுகள்"
        r"|சதவீதம்",
    ),
    # Royal Society of Thailand, on punctuation: ๆ and ฯ stay with their word, a unit with its number.
    "th": Words(
        months="มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม"
        r"|ม\.ค\.|ก\.พ\.|มี\.ค\.|เม\.ย\.|พ\.ค\.|มิ\.ย\.|ก\.ค\.|ส\.ค\.|ก\.ย\.|ต\.ค\.|พ\.ย\.|ธ\.ค\.",
        numbered=r"พ\.ศ\.|ค\.ศ\.|โทร\.|ข้อ|หน้า|เลขที่", titles=r"ดร\.|นพ\.|พญ\.|ศ\.|รศ\.|ผศ\.",
        quantities="บาท|สตางค์|พัน|หมื่น|แสน|ล้าน|กรัม|กก\\.|กิโลกรัม|มล\\.|มิลลิลิตร|ลิตร|ซม\\.|เมตร|กม\\.|ชั่วโมง"
        "|ชม\\.|นาที|วัน|เดือน|ปี|ชิ้น|คน|ครั้ง|เปอร์เซ็นต์|น\\.",
        closing="ๆฯ",
    ),
    # KLREQ: a number keeps its unit and its counter; dates by CLDR.
    "ko": Words(numbered="제"),
}  # fmt: skip
# Languages set by a neighbour's rules.
_LIKE = {"no": "nb", "nn": "nb", "gl": "es", "be": "ru", "bs": "hr", "yue": "zh"}


def neighbour(language: str) -> str:
    """Give the language whose rules a language follows, by its primary subtag: `nb` for `nn-NO`, `de` for `de_AT`."""
    primary = language.replace("_", "-").split("-")[0].lower()
    return _LIKE.get(primary, primary)


def words_of(language: str) -> Words:
    """Give what a language keeps together; nothing for one that the table lacks."""
    return WORDS.get(neighbour(language), Words())
