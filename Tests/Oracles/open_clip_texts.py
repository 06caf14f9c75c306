"""Texts, most of them odd, and their tokens by open_clip.

    open_clip_texts.py COUNT SEED

First come COUNT texts put together at random: words, many scripts, emoji, references of HTML, wrongly decoded text, control
characters, over-long ones. Then some thousand with every assigned character, and some that are not, between others.

Standard output: {"merges": [...], "texts": [{"text": ..., "tokens": [...], "row": [...]}]}: the vocabulary's merges; tokens
without start and end; what a context of 77 gets, without its padding.

Needs requirements-open-clip.txt.
"""

import html.entities
import json
import random
import sys
import unicodedata

from open_clip.tokenizer import SimpleTokenizer

WORDS = """a photo of the flawless damaged bottle cable capsule carpet grid hazelnut leather metal nut pill screw tile toothbrush
transistor wood zipper without defect with scratch broken_large bent-lead don't isn't we're I've I'm they'll he'd O'Brien's
2024 10 3.5mm 100% #7 A4 pcb1 N X café naïve Übergröße straße ŁÓDŹ Ελλάδα ΟΔΟΣ Σ ΑΣ' τέλος Привет ДЕФЕКТ дефект
日本語の部品 カタカナ 한국어 결함 中文缺陷 العربية עברית हिन्दी ไทย İstanbul ǅungla ﬁne oﬃce ĳs ŉ ſt Ａ４ ＦＵＬＬ ﾊﾝｶｸ ﾃﾞ ① Ⅳ ½ x² µm Å Ω
<start_of_text> <END_OF_TEXT> <ſtart_of_text> 'ſ 'S 'LL " ' ’ ‘quoted’ “double” „low” … — – • ™ © ® ° € £ ¥ « »""".split()
LANGUAGES = [
    "déjà vu à la carte", "naïve façade, señor à", "Größe über Maß – schön", "“curly” and ‘single’ quotes…", "Łódź żółć ąę",
    "Привет, как дела?", "Ελληνικά κείμενα", "日本語テキスト", "한국어 문장", "العربية", "çalışma ığdır", "šžčř ťuk", "10 €, 5 £ & 3 ¥",
    "tab\u00a0nbsp\u00a0x", "emoji 😀👍🏽", "àquele às àquilo à tarde", "° ± µ ² ½ ×", "œuvre ŒUVRE cœur", "हिन्दी", "ไทย", "Å é í ó ú",
]
ENCODINGS = [
    "latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253",
    "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437",
]
BLOCKS = [
    (0x20, 0x7F, 6), (0xA0, 0x180, 6), (0x180, 0x370, 3), (0x300, 0x370, 4), (0x370, 0x530, 4), (0x530, 0x700, 2),
    (0x900, 0xE00, 3), (0xE00, 0x1200, 2), (0x1100, 0x1200, 2), (0x13A0, 0x1400, 1), (0x1E00, 0x2000, 3), (0x2000, 0x2100, 5),
    (0x2100, 0x2400, 3), (0x2460, 0x2800, 2), (0x2C00, 0x2E00, 1), (0x3000, 0x3200, 3), (0x4E00, 0x9FFF, 2),
    (0xA640, 0xAC00, 2), (0xAC00, 0xD7A4, 2), (0xE000, 0xE020, 1), (0xF900, 0xFB50, 2), (0xFB00, 0xFB07, 2),
    (0xFE00, 0xFF00, 2), (0xFF00, 0xFFF0, 4), (0xFFF0, 0xFFFE, 1), (0x0, 0x20, 2), (0x7F, 0xA0, 2), (0x10300, 0x10500, 1),
    (0x10A00, 0x11000, 1), (0x11000, 0x12000, 2), (0x16A00, 0x17000, 1), (0x1D000, 0x1D200, 1), (0x1D400, 0x1D800, 2),
    (0x1E000, 0x1F000, 2), (0x1F1E6, 0x1F200, 2), (0x1F300, 0x1FB00, 5), (0x20000, 0x2A6E0, 1), (0xE0000, 0xE01F0, 1),
    (0x10FFF0, 0x110000, 1),
]
EMOJI = ["👩‍🚀", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🇩🇪", "🇯🇵", "👍🏽", "☺️", "1️⃣", "🏴\U000E0067\U000E0062\U000E007F", "❤️‍🔥"]
SPACES = [" ", " ", " ", "  ", "\t", "\n", "\r\n", "\r", "\u00a0", "\u2028", "\u2029", "\u3000", "\x0b", "\x0c", "\x1c", "\x85", "\u200b", ""]
CONTROLS = ["\x1b[31m", "\x1b[0;1m", "\x1b[m", "\x1b[1", "\x00", "\x1a", "\x7f", "\ufeff", "\u200d", "\u202e", "\ufffc", "\ufffd", "\u206a", "\xad"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = sorted(html.entities.html5)
        upper = {name for encoding in ENCODINGS for name in bytes(range(0x80, 0x100)).decode(encoding)}
        self.suspects = sorted(upper) + list("abAZ .,?\x1a\ufffd")

    def character(self):
        low, high, _ = self.random.choices(BLOCKS, [weight for *_, weight in BLOCKS])[0]
        return chr(self.random.randrange(low, high))

    def characters(self):
        text = "".join(self.character() for _ in range(self.random.randint(1, 8)))
        return self.random.choice([text, text, unicodedata.normalize("NFD", text), unicodedata.normalize("NFKD", text)])

    def one_block(self):
        low, high, _ = self.random.choices(BLOCKS, [weight for *_, weight in BLOCKS])[0]
        return "".join(chr(self.random.randrange(low, high)) for _ in range(self.random.randint(1, 12)))

    def marks(self):
        base = self.random.choice("aeouscnAEOZлин가กक")
        return base + "".join(chr(self.random.randrange(0x300, 0x370)) for _ in range(self.random.randint(1, 4)))

    def reference(self):
        number = self.random.choice([
            self.random.randrange(0x180), self.random.randrange(0x3000), self.random.randrange(0x120000), 0xD800, 0xFFFE, 10**30,
        ])
        name = self.random.choice(self.names)
        stem = name.rstrip(";")
        return self.random.choice([
            f"&{name}", f"&{stem};", f"&{stem}", f"&{stem.upper()};", f"&{stem.lower()};", f"&amp;{stem};", f"&amp;amp;{stem};",
            f"&{stem}{self.random.choice(WORDS)}", f"&#{number};", f"&#{number}", f"&#x{number:x};", f"&#X{number:X}", "&#", "&", "&;",
            f"&#{number}a;", f"&{stem[:3]}", "&amp", "&lt;b&gt;", "&nbsp;", "&NTILDE; &SZLIG;",
        ])

    def mojibake(self):
        text = self.random.choice([
            self.random.choice(LANGUAGES), self.random.choice(LANGUAGES), self.random.choice(LANGUAGES).upper(), self.one_block(),
            self.random.choice(WORDS), self.random.choice(EMOJI),
        ])
        for _ in range(self.random.choice([1, 1, 1, 1, 2, 2, 3])):
            data = text.encode("utf-8", "surrogatepass")
            if self.random.random() < 0.1:
                data = b"".join(
                    character.encode("utf-16-be").decode("utf-16-be", "surrogatepass").encode("utf-8")
                    if ord(character) < 0x10000 else self.cesu(character)
                    for character in text
                ).replace(b"\0", b"\xc0\x80")
            text = data.decode(self.random.choice(ENCODINGS[:2] if self.random.random() < 0.5 else ENCODINGS))
            if self.random.random() < 0.2:
                text = text.replace("\xa0", " ")
            if self.random.random() < 0.1:
                text = "".join(c if self.random.random() > 0.1 or ord(c) < 0x80 else self.random.choice("\ufffd?") for c in text)
        return text

    @staticmethod
    def cesu(character):
        data = character.encode("utf-16-be")
        return b"".join(chr(int.from_bytes(data[i:i + 2], "big")).encode("utf-8", "surrogatepass") for i in (0, 2))

    def suspicious(self):
        return "".join(self.random.choice(self.suspects) for _ in range(self.random.randint(2, 10)))

    def part(self):
        kinds = [
            (lambda: " ".join(self.random.choices(WORDS, k=self.random.randint(1, 6))), 8), (self.characters, 4), (self.one_block, 4),
            (self.marks, 2), (self.reference, 4), (self.mojibake, 5), (self.suspicious, 3), (lambda: self.random.choice(EMOJI), 1),
            (lambda: self.random.choice(CONTROLS), 2), (lambda: self.random.choice(LANGUAGES), 2),
            (lambda: self.random.choice(["<", "<b>", "</p>", "&lt;"]), 0.3),
        ]
        make = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        text = make()
        return self.random.choice([text] * 6 + [text.upper(), text.title(), text.swapcase()])

    def text(self):
        parts = self.random.choice([1, 1, 1, 2, 2, 3, 4, 6]) if self.random.random() < 0.99 else self.random.randint(30, 60)
        text = "".join(self.part() + self.random.choice(SPACES) for _ in range(parts))
        return "".join(c for c in text if not 0xD800 <= ord(c) < 0xE000)


def every_character():
    """Characters one by one where neighbours could pass for wrongly decoded text, elsewhere several in a text."""
    group = []
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cs" or category in ("Cn", "Co") and code % 61 and not 0x800 <= code < 0x1FC00:
            continue
        if category == "Lo" and (0x3400 <= code < 0xA000 or 0xAC00 <= code < 0xD7A4 or code >= 0x17000 and not 0x1B000 <= code < 0x1F000) and code % 31:
            continue
        if category == "Co" and code % 61:
            continue
        group.append(f"x{character}'s Ά{character}")
        if code < 0x530 or 0x2000 <= code < 0x2700 or len(group) == 32:
            yield " ".join(group)
            group = []
    yield " ".join(group)


def main():
    tokenizer = SimpleTokenizer()
    maker = Maker(int(sys.argv[2]))
    texts = [maker.text() for _ in range(int(sys.argv[1]))] + list(every_character())
    result = []
    for text in texts:
        tokens = tokenizer.encode(text)
        row = tokenizer(text, 77)[0].tolist()
        result.append({"text": text, "tokens": tokens, "row": row[: len(tokens) + 2]})
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    json.dump({"merges": [" ".join(merge) for merge in merges], "texts": result}, sys.stdout)


main()
