"""The charsets of the WHATWG Encoding Standard: labels to charsets, bytes to text, strictly.

In: a charset label as the client wrote it, and bytes. Out: the charset, and text. Raises
UnicodeDecodeError for bytes that are not text in their charset.

https://encoding.spec.whatwg.org/ defines the labels and the tables. Python's codecs decode the
bytes; where a codec differs from the standard's index in a character, that character is amended
here. A charset is prepared when it is first used. A client never chooses a Python codec.

The label decides (RFC 9110 section 8.3.2). A byte order mark is dropped if it belongs to the charset, and
chooses the byte order only for the label `utf-16`, as RFC 2781 section 4.3 defines. The standard lets a mark
override every label, for web pages and contrary to HTTP.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from functools import cache, partial

__all__ = ["decode_text", "find_charset"]

# Python's codec: the labels, as in the standard's table of names and labels. Three keys have a meaning of
# their own here: `utf-16` (see above), `iso2022_jp`, which is decoded through EUC-JP, and `x-user-defined`,
# for which Python has no codec. The labels of "replacement" (iso-2022-kr, hz-gb-2312, ...) are missing: no
# content is text in that charset, so it is refused like an unknown one.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "utf-16": "utf-16",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16le",
    "utf-16-be": "unicodefffe utf-16be",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859_2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859_3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859_4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859_5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5"
    " iso_8859-5:1988",
    "iso8859_6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e"
    " iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859_7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597"
    " iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso8859_8": "csiso88598e csiso88598i csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-8859-8-i"
    " iso-ir-138 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 logical visual",
    "iso8859_10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859_13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859_14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859_15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859_16": "iso-8859-16",
    "koi8_r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8_u": "koi8-ru koi8-u",
    "mac_roman": "csmacintosh mac macintosh x-mac-roman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591"
    " iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5"
    " latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb18030 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601"
    " windows-949",
    "x-user-defined": "x-user-defined",
}
_CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
_LONGEST_LABEL = max(map(len, _CODECS))
_WHITESPACE = "\t\n\f\r "

# Bytes that a single-byte codec lacks, or decodes differently from the standard's index.
_AMENDED_BYTES: Mapping[str, Mapping[int, str]] = {
    "cp1255": {0xCA: "\u05ba"},
    "koi8_u": {0xAE: "ў", 0xBE: "Ў"},
}
_UNDEFINED = "\ufffe"  # an undefined byte, in a table of codecs.charmap_decode

# The same for sequences of bytes: each group is a sequence in hexadecimal and its character, followed by
# the characters of the next sequences.
_AMENDED = {
    # Hong Kong's additions of 2008, duplicates that exist for compatibility, pictures of control characters,
    # the euro sign, and punctuation.
    "big5hkscs": (
        "877A 㡵𡵓𣚞𦀡㻬𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓墖靊鈘秐 "
        "87B4 稲晠権袝瑌篅枂稬剏遆㓦珄𥶹瓆鿇垳䤯呌䄱𣚎堘穲𧭥讏 "
        "87CC 䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄𣖻䂴鿊䓡𪷿拁灮鿋 8E69 箸 8E6F 簆 8E7E 糎 8EAB 緒 8EB4 縝 8ECD 者 "
        "8ED0 耨 8F57 菁 8F69 蒨 8F6E 萏 8FCB 覦覩 8FFE 起 906D 都 907A 銹 90DC 靜 90F1 響 91BF 鼖 9244 蔃 "
        "92AF 兙兛兝兞 92C8 鍮 92D1 瑹 9447 浧 94CA 禛 95D9 邗 9644 靝 96ED 瀞 96FC 嬨 9B76 爁 9B78 矗 "
        "9B7B 纇 9BC6 駖 9BDE 釔 9BEC 惞 9BF6 澶 9C42 輶 9C53 侻 9C62 營 9C68 鄄 9C6B 鷰 9C77 菏 9CBC 尐秣 "
        "9CD0 婧 9D57 輋 9D5A 筑 9DC4 拐 9EA9 恢 9EEF 痹 9EFD 汊 9F60 鬮 9F66 鼗 9FCB 僭 9FD8 弌 A063 蠏 "
        "A077 拎 A0D5 瑨 A0DF 煢 A0E4 牐 A145 \u2027 A14E \ufe51 A1C2 \u00af A1E3 \uff5e A1F2 \u2295\u2299 "
        "A241 \u2215\ufe68 A244 \uffe5 A246 \uffe0\uffe1 "
        "A3C0 \u2400\u2401\u2402\u2403\u2404\u2405\u2406\u2407\u2408\u2409\u240a"
        "\u240b\u240c\u240d\u240e\u240f\u2410\u2411\u2412\u2413\u2414\u2415"
        "\u2416\u2417\u2418\u2419\u241a\u241b\u241c\u241d\u241e\u241f\u2421€ "
        "C6CF 廴 C6D3 无 C6D5 癶 C6D7 隶 "
        "C6DE \u3003仝 FA5F 倩 FA66 偽 FABD 包 FAC5 卄 FAD5 卿 FB48 嘅 FBB8 婷 FBF3 幵 FBF9 廐 FC4F 彘 "
        "FC6C 悤 FCB9 撐 FCE2 晴 FCF1 杞 FDB7 沜渝 FDBB 港 FDF1 煮 FE52 猪 FE6F 瑜 FEAA 瓩 FEDD 砉"
    ),
    # Signs as in Windows. _list_nec_rows adds more to this charset.
    "euc_jp": "A1C1 \uff5e\u2225 A1DD \uff0d A1F1 \uffe0\uffe1 A2CC \uffe2 8FA2B7 \uff5e",
    # The euro sign as in Windows, an ideographic space, and characters that had private code points before
    # the edition of 2022; A8BC and 8135F437 have changed places.
    "gb18030": "80 € A3A0 \u3000 A6D9 \ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16 A6EC \ufe17\ufe18"
    " A6F3 \ufe19 A8BC \u1e3f 8135F437 \ue7c7 FE59 \u9fb4 FE61 \u9fb5 FE66 \u9fb6\u9fb7 FE6D \u9fb8 "
    "FE7E \u9fb9 FE90 \u9fba FEA0 \u9fbb",
}

# Escape sequences of ISO-2022-JP; the sets of single bytes that they switch to; JIS X 0208 to EUC-JP.
_ESCAPES = rb"(\x1b(?:\([BIJ]|\$[@B]))"
_ASCII = "".join(_UNDEFINED if code in (0x0E, 0x0F, 0x1B) else chr(code) for code in range(0x80))
_SETS = {
    b"\x1b(B": _ASCII,
    b"\x1b(J": _ASCII.replace("\\", "\xa5").replace("~", "\u203e"),
    b"\x1b(I": _UNDEFINED * 0x21 + "".join(map(chr, range(0xFF61, 0xFFA0))),
}
_TO_EUC_JP = bytes(code + 0x80 if 0x21 <= code < 0x7F else 0xFF for code in range(256))

# Bytes that are split at once, as the pieces take thirty times their memory. A piece is always shorter.
_AT_ONCE = 2**16


def find_charset(label: str) -> str | None:
    """Return the charset of a label, for `decode_text`; None if the standard does not have the label.

    White space around the label and the case of its ASCII letters do not matter
    (https://encoding.spec.whatwg.org/#concept-encoding-get).
    """
    label = label.strip(_WHITESPACE)
    if len(label) > _LONGEST_LABEL or not label.isascii():
        return None
    return _CODECS.get(label.lower())


def decode_text(content: bytes, charset: str) -> str:
    """Decode `content` from a charset that `find_charset` returned.

    Raises UnicodeDecodeError for bytes that are not text in that charset.
    """
    if charset == "utf-8":
        return content.removeprefix(codecs.BOM_UTF8).decode()
    return _decoder_of(charset)(content)


@cache
def _decoder_of(charset: str) -> Callable[[bytes], str]:
    """Return the decoder of a charset. If two threads make it at once, one of the two is kept."""
    if charset.startswith("utf-16"):
        return partial(_decode_utf_16, charset)
    if charset == "gb18030":
        return _Amended(charset, rb".[\x30-\x39].{0,2}|.{1,2}", _list_sequences(charset)).decode
    if charset == "big5hkscs":
        return _Amended(charset, rb".{1,2}", _list_sequences(charset)).decode
    if charset == "euc_jp":
        return _Amended(charset, rb"\x8f.{0,2}|.{1,2}", _list_sequences(charset) | _list_nec_rows()).decode
    if charset == "iso2022_jp":
        return _decode_iso_2022_jp
    if charset == "cp932":
        return _decode_shift_jis
    if charset == "cp949":
        return partial(str, encoding=charset)
    return partial(_decode_single_bytes, _table_of(charset))


def _decode_utf_16(charset: str, content: bytes) -> str:
    if charset == "utf-16":
        charset = "utf-16-be" if content.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
    mark = codecs.BOM_UTF16_LE if charset == "utf-16-le" else codecs.BOM_UTF16_BE
    return content.removeprefix(mark).decode(charset)


def _decode_single_bytes(table: str, content: bytes) -> str:
    return codecs.charmap_decode(content, "strict", table)[0]


def _table_of(charset: str) -> str:
    """Return the characters of the 256 bytes."""
    if charset == "x-user-defined":
        return "".join(chr(byte if byte < 0x80 else 0xF700 + byte) for byte in range(256))
    amended = _AMENDED_BYTES.get(charset, {})
    table = bytes(range(256)).decode(charset, "replace")
    return "".join(
        amended.get(byte) or (character if character != "\ufffd" else _unassigned(byte))
        for byte, character in enumerate(table)
    )


def _unassigned(byte: int) -> str:
    """Return the standard's character for a byte that Windows leaves open; 80 to 9F are controls."""
    return chr(byte) if 0x80 <= byte < 0xA0 else _UNDEFINED


def _decode_shift_jis(content: bytes) -> str:
    text = content.decode("cp932")
    # Windows uses these for the bytes A0, FD, FE and FF, which the standard leaves undefined.
    if re.search("[\uf8f0-\uf8f3]", text):
        raise UnicodeDecodeError("shift_jis", content, 0, len(content), "undefined byte")
    return text


class _Amended(dict[bytes, str]):
    """Decodes with a Python codec, except for some sequences of bytes, for which it has its own characters.

    `others` is the expression for any other sequence that begins with a byte above 7F; the codec
    decides whether it is a character.
    """

    def __init__(self, codec: str, others: bytes, amended: Mapping[bytes, str]) -> None:
        super().__init__({bytes([code]): chr(code) for code in range(0x80)} | dict(amended))
        self._codec = codec
        trails: dict[bytes, bytes] = {}
        for sequence in amended:
            trails[sequence[:-1]] = trails.get(sequence[:-1], b"") + re.escape(sequence[-1:])
        ours = b"|".join(b"%b[%b]" % (re.escape(lead), trail) for lead, trail in trails.items())
        leads = b"".join(re.escape(sequence[:1]) for sequence in amended)
        run = rb"(?:[\x00-\x7f]{1,64}|(?![%b])(?:%b)|(?!%b)(?:%b)){1,64}" % (leads, others, ours, others)
        self._split = re.compile(ours + b"|" + run, re.DOTALL).findall

    def __missing__(self, piece: bytes) -> str:
        text = piece.decode(self._codec)
        if len(piece) == 2:
            # A text of short pieces may have half a million of these, 40,000 of them different.
            self[piece] = text
        return text

    def decode(self, content: bytes) -> str:
        decoded = []
        start = 0
        while start < len(content):
            end = start + _AT_ONCE
            pieces = self._split(content, start, end)
            if end < len(content):
                end -= len(pieces.pop())  # which may continue after `end`
            decoded.append("".join(map(self.__getitem__, pieces)))
            start = end
        return "".join(decoded)


def _list_sequences(codec: str) -> dict[bytes, str]:
    sequences = {}
    words = _AMENDED[codec].split(" ")
    for first, characters in zip(words[::2], words[1::2], strict=True):
        *lead, trail = bytes.fromhex(first)
        for character in characters:
            sequences[bytes([*lead, trail])] = character
            trail = trail + 1 if trail != 0x7E else 0xA1  # Big5 continues there
    return sequences


def _list_nec_rows() -> dict[bytes, str]:
    """Return rows 13 and 89 to 92 of JIS X 0208, as NEC and IBM filled them.

    EUC-JP and ISO-2022-JP contain them in practice, but Python's codecs for these charsets do not. Python's
    cp932 contains them, two rows under each lead byte.
    """
    trails = [*range(0x40, 0x7F), *range(0x80, 0xFD)]
    rows = {}
    for row, lead in ((13, 0x87), (89, 0xED), (91, 0xEE)):
        for index, trail in enumerate(trails):
            character = bytes([lead, trail]).decode("cp932", "replace")
            if "\ufffd" not in character:
                rows[bytes([0xA0 + row + index // 94, 0xA1 + index % 94])] = character
    return rows


def _decode_iso_2022_jp(content: bytes) -> str:
    decoded = []
    start = 0
    while start < len(content):
        end = content.find(b"\x1b", start + _AT_ONCE)
        is_last = end < 0
        decoded.append(_decode_switched(content[start : None if is_last else end], is_last))
        start = len(content) if is_last else end
    return "".join(decoded)


def _decode_switched(content: bytes, is_last: bool) -> str:
    """Decode text in which escape sequences switch between sets of characters, ASCII at first."""
    pieces = re.split(_ESCAPES, content)
    texts = pieces[::2]
    if b"" in texts[1 : -1 if is_last else None]:
        # Two escape sequences in a row could hide text from a filter that looks for it.
        raise UnicodeDecodeError("iso-2022-jp", content, 0, len(content), "set switched twice")
    sets = [b"\x1b(B", *pieces[1::2]]
    kanji = [text.translate(_TO_EUC_JP) for name, text in zip(sets, texts, strict=True) if name not in _SETS]
    kanji_texts = iter(_decoder_of("euc_jp")(b"\n".join(kanji)).split("\n"))
    return "".join(
        [
            codecs.charmap_decode(text, "strict", _SETS[name])[0] if name in _SETS else next(kanji_texts)
            for name, text in zip(sets, texts, strict=True)
        ]
    )
