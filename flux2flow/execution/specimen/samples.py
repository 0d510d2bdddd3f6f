"""What a specimen says: for each script its name, a probe of its letters, lines from long to short, and running text.

Words between stars are set in the style's accent. Knows no kit and no fonts.
"""

from __future__ import annotations

from dataclasses import dataclass

from flux2flow.domain.scene import TextDirection


@dataclass(frozen=True, slots=True)
class Sample:
    """The words of one script. `lines` are tried from the longest; `with_latin`: only where the Latin face has them."""

    script: str
    title: str
    locale: str
    direction: TextDirection
    letters: str
    headlines: tuple[str, ...]
    lines: tuple[str, ...]
    text: str
    figures: str
    with_latin: bool = False
    more: str = ""
    """Running text that follows where the font has its letters, too."""

    @property
    def probe(self) -> str:
        """Every character that a font must have to be shown in this script."""
        return "".join((self.letters, *self.headlines, *self.lines, self.text)).replace("*", "").replace(" ", "")


SAMPLES = (
    Sample(
        "latin", "Latin", "en", "ltr", "Aa",
        ("A quiet morning, well made", "A quiet morning", "Morning"),
        (
            "Light falls on the table before anybody speaks, and the kettle is the first to say a word about it",
            "Light falls on the table before anybody speaks, and the kettle is first",
            "Light falls on the table before anybody speaks",
            "Light falls on the quiet table",
            "Light on the table",
            "Light",
        ),
        "Good things take the time they take. Somebody opens a window; the street is still grey, and the first cups "
        "stand in a row. *Nothing here is in a hurry.*",
        "0123456789  €49.90  £7.25  ¥1,180  25 %",
        more=" Crème brûlée, Ærø, Łódź, São Tomé and Øresund ask a typeface for its accents; “quotes”, dashes – and "
        "the ampersand & its friends – ask for its manners.",
    ),
    Sample(
        "greek", "Greek", "el", "ltr", "Αα",
        ("Ένα ήσυχο πρωινό", "Ήσυχο πρωινό", "Πρωινό"),
        (
            "Το φως πέφτει στο τραπέζι πριν μιλήσει κανείς, και η θάλασσα απαντά",
            "Το φως πέφτει στο τραπέζι πριν μιλήσει κανείς",
            "Το φως πέφτει στο τραπέζι",
            "Φως στο τραπέζι",
            "Φως",
        ),
        "Τα καλά πράγματα θέλουν τον χρόνο τους. Κάποιος ανοίγει ένα παράθυρο· ο δρόμος είναι ακόμη γκρίζος και τα "
        "πρώτα φλιτζάνια στέκουν στη σειρά. *Εδώ τίποτα δεν βιάζεται.* Η μέρα αρχίζει με ψωμί, μέλι και λίγη σιωπή.",
        "0123456789  49,90 €  25 %",
        with_latin=True,
    ),
    Sample(
        "cyrillic", "Cyrillic", "uk", "ltr", "Аа",
        ("Тихий ранок удома", "Тихий ранок", "Ранок"),
        (
            "Світло падає на стіл раніше, ніж хтось заговорить, і чайник озивається першим",
            "Світло падає на стіл раніше, ніж хтось заговорить",
            "Світло падає на тихий стіл",
            "Світло на столі",
            "Світло",
        ),
        "Добрі речі потребують часу. Хтось відчиняє вікно; вулиця ще сіра, а перші чашки стоять у ряд. *Тут ніхто не "
        "поспішає.* День починається з хліба, меду та короткої тиші, і щоразу здається, що ґанок чекав саме на нас.",
        "0123456789  49,90 €  25 %",
        with_latin=True,
    ),
    Sample(
        "arabic", "Arabic", "ar", "rtl", "أبجد",
        ("صباح هادئ كما ينبغي", "صباح هادئ", "صباح"),
        (
            "يسقط الضوء على الطاولة قبل أن يتكلم أحد، والإبريق أول من يقول كلمة عن هذا الصباح الجميل",
            "يسقط الضوء على الطاولة قبل أن يتكلم أحد، والإبريق أول من يجيب",
            "يسقط الضوء على الطاولة قبل أن يتكلم أحد",
            "يسقط الضوء على الطاولة",
            "ضوء على الطاولة",
            "ضوء",
        ),
        "الأشياء الجيدة تأخذ وقتها. يفتح أحدهم نافذة، والشارع ما زال رماديا، والفناجين الأولى تقف في صف واحد. *لا شيء "
        "هنا على عجل.* يبدأ النهار بالخبز والعسل وقليل من الصمت، ثم تصل الأصوات واحدا بعد آخر كأنها ضيوف قدامى.",
        "٠١٢٣٤٥٦٧٨٩  0123456789  ٢٥٪",
    ),
    Sample(
        "japanese", "Japanese", "ja", "ltr", "永あア",
        ("静かな朝を、ていねいに。", "静かな朝", "朝"),
        (
            "だれかが話しだす前に、光がテーブルに落ちて、やかんがいちばん先に返事をする。それから一日が始まる。",
            "だれかが話しだす前に、光がテーブルに落ちて、やかんが先に返事をする。",
            "だれかが話しだす前に、光がテーブルに落ちる。",
            "テーブルに落ちる朝の光",
            "朝の光とテーブル",
            "朝の光",
        ),
        "よいものには、それだけの時間がかかる。だれかが窓を開けると、通りはまだ灰色で、最初のカップが一列に並んでいる。"
        "*ここでは何も急がない。*パンとはちみつ、そして少しの静けさから一日が始まり、声がひとつずつ、古い友人のように"
        "やって来る。",
        "0123456789  一二三四五  ¥1,180  25%",
    ),
)  # fmt: skip
"""The scripts that a specimen knows, in the order of its pages."""
