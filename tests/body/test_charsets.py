"""The labels and tables of the WHATWG Encoding Standard, and content that is refused."""

from __future__ import annotations

import encodings
import encodings.aliases
import hashlib
import pkgutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.body.charsets import decode_text, find_charset

# Every label of the standard that stands for text, spelled as there; bytes, and their text in its charset.
CHARSETS = [
    ("unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8", b"\xe2\x98\x83", "☃"),
    ("866 cp866 csibm866 ibm866", b"\x80\xf0\xf2", "АЁЄ"),
    (
        "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
        b"\xa1\xaf\xc0",
        "ĄŻŔ",
    ),
    (
        "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
        b"\xa1\xac\xbc",
        "ĦĴĵ",
    ),
    (
        "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
        b"\xa2\xa3\xbd",
        "ĸŖŊ",
    ),
    (
        "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
        b"\xa1\xb0\xf0",
        "ЁА№",
    ),
    (
        "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e"
        " iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
        b"\xac\xc7\xf2",
        "\u060c\u0627\u0652",
    ),
    (
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7"
        " iso_8859-7:1987 sun_eu_greek",
        b"\x80\xa4\xaa\xc1",
        "\x80€\u037a\u0391",
    ),
    (
        "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8"
        " iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
        b"\x80\xaa\xe0\xfd",
        "\x80\xd7\u05d0\u200e",
    ),
    ("csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6", b"\xa2\xa3\xbd", "ĒĢ―"),
    ("iso-8859-13 iso8859-13 iso885913", b"\x80\xa1\xaa", "\x80”Ŗ"),
    ("iso-8859-14 iso8859-14 iso885914", b"\xa1\xaf", "ḂŸ"),
    ("csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9", b"\x80\xa4\xbc\xff", "\x80€Œÿ"),
    ("iso-8859-16", b"\xa4\xa5\xff", "€„ÿ"),
    ("cskoi8r koi koi8 koi8-r koi8_r", b"\xa4\xc1", "╓\u0430"),
    ("koi8-ru koi8-u", b"\xa4\xc1\xbd\xae\xbe", "є\u0430ҐўЎ"),
    ("csmacintosh mac macintosh x-mac-roman", b"\x80\xde\xd9", "ÄﬁŸ"),
    ("x-mac-cyrillic x-mac-ukrainian", b"\x80\xa2\xb6\xff", "АҐґ€"),
    (
        "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
        b"\x80\x81\xa0\xa1\xdf",
        "€\x81\xa0ก฿",
    ),
    ("cp1250 windows-1250 x-cp1250", b"\x80\x8a\xa5\xbe", "€ŠĄľ"),
    ("cp1251 windows-1251 x-cp1251", b"\x80\x88\xa5", "Ђ€Ґ"),
    (
        "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591"
        " iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
        b"\x7f\x80\x81\x8d\x8e\x8f\x90\x9d\x9f\xa4\xd0",
        "\x7f€\x81\x8dŽ\x8f\x90\x9dŸ¤Ð",
    ),
    ("cp1253 windows-1253 x-cp1253", b"\x80\xa1\xc1", "€΅\u0391"),
    (
        "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5"
        " windows-1254 x-cp1254",
        b"\x80\x81\xd0",
        "€\x81Ğ",
    ),
    ("cp1255 windows-1255 x-cp1255", b"\x80\xa4\xca\xe0", "€₪\u05ba\u05d0"),
    ("cp1256 windows-1256 x-cp1256", b"\x80\x81\xff", "€\u067e\u06d2"),
    ("cp1257 windows-1257 x-cp1257", b"\x80\xaa\xa8", "€ŖØ"),
    ("cp1258 windows-1258 x-cp1258", b"\x80\xd0\xfe", "€Đ₫"),
    (
        "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
        b"\xc4\xe3\x81\x40\x80\xa3\xa0\x81\x30\x81\x30\x94\x39\xda\x33",
        "你丂€\u3000\x80💩",
    ),
    ("big5 big5-hkscs cn-big5 csbig5 x-x-big5", b"\xa4\xa4\xa1\x45\xf9\xd6\x88\x62", "中‧碁Ê̄"),
    (
        "cseucpkdfmtjapanese euc-jp x-euc-jp",
        b"\xc6\xfc\xa1\xc1\xad\xa1\x8e\xb1\x8f\xb0\xa1\xf9\xa1",
        "日\uff5e①ｱ丂纊",
    ),
    (
        "csiso2022jp iso-2022-jp",
        b"a\x1b$BF|!A\x1b(I1\x1b(J\x5c\x1b(B\x5c",
        "a日\uff5eｱ¥\\",
    ),
    (
        "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
        b"\x93\xfa\x81\x60\x87\x40\xb1\xfa\x5c",
        "日\uff5e①ｱ纊",
    ),
    (
        "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601"
        " windows-949",
        b"\xb0\xa1\x81\x41",
        "가갂",
    ),
    ("unicodefffe utf-16be", b"\x26\x03\xd8\x3d\xdc\xa9", "☃💩"),
    (
        "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
        b"\x03\x26\x3d\xd8\xa9\xdc",
        "☃💩",
    ),
    ("x-user-defined", b"a\x80\xff", "a\uf780\uf7ff"),
]

LABELS = [label for labels, _, _ in CHARSETS for label in labels.split()]

SAME_CHARSET = [
    ("UTF-8", "utf-8"),
    (" \t\n\f\rutf-8\r\n", "utf-8"),
    ("utf-8" + " " * 1_000_000, "utf-8"),
    ("ISO_8859-1", "iso-8859-1"),
    ("Shift-JIS", "shift_jis"),
    ("KOI8_R", "koi8-r"),
]

NO_CHARSET = [
    "",
    " ",
    "-",
    "none",
    "null",
    "bogus",
    "utf-9",
    # the standard's labels for encodings that it refuses to decode
    "csiso2022kr",
    "hz-gb-2312",
    "iso-2022-cn",
    "iso-2022-cn-ext",
    "iso-2022-kr",
    "replacement",
    # charsets, and labels of charsets, that are not in the standard
    "utf-7",
    "utf-7-imap",
    "utf-32",
    "cesu-8",
    "cp037",
    "cp437",
    "cp949",
    "1252",
    "win1252",
    "binary",
    # spellings that the standard does not have
    "utf_8",
    "utf 8",
    "utf16",
    "utf_16_le",
    "ucs2",
    "eucjp",
    "iso8859_15",
    "big5hkscs",
    "windows31j",
    # not a label, though it contains one
    "UTF-8;",
    '"utf-8"',
    "\x0butf-8",
    "utf-8\x85",
    "\u3000utf-8",
    "utf-8utf-8",
    "utf-8\x00x",
    "../../etc/passwd",
    "\u212aoi8-r",
    "\uff55\uff54\uff46-8",
    "utf-\uff18",
    "u" * 1_000_000,
    "-" * 40 + "utf-8",
]

# Codecs of Python that are not for text, that are for source code or host names, or that are quadratic.
CODECS_THAT_ARE_ATTACKS = {
    "base64_codec",
    "bz2_codec",
    "charmap",
    "hex_codec",
    "idna",
    "mbcs",
    "oem",
    "punycode",
    "quopri_codec",
    "raw_unicode_escape",
    "rot_13",
    "undefined",
    "unicode_escape",
    "utf_32",
    "utf_32_be",
    "utf_32_le",
    "utf_7",
    "utf_8_sig",
    "uu_codec",
    "zlib_codec",
}
NAMES_OF_ATTACKS = sorted(
    CODECS_THAT_ARE_ATTACKS
    | {alias for alias, codec in encodings.aliases.aliases.items() if codec in CODECS_THAT_ARE_ATTACKS}
)
NAMES_OF_CODECS = sorted(
    {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
    | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
)

# Characters that codecs, or other tables of the same name, decode differently.
OFTEN_OTHERWISE = [
    ("macintosh", b"\xbd\xdb\xf0", "\u03a9€\uf8ff"),
    ("gbk", b"\xed\xa0\x80", "頎€"),
    ("gbk", b"\x80", "€"),
    ("gbk", b"\x80\x80\x80", "€€€"),
    ("gbk", b"\x81\x80\x80\x80a\x80", "亐€€a€"),
    ("gb2312", b"\xa1\xa4\xa1\xaa\xa8\xbc", "·—\u1e3f"),
    ("gb18030", b"\xa6\xd9\xfe\x59\x81\x35\xf4\x37\x81\x35\xf4\x36", "\ufe10\u9fb4\ue7c7\u1e3e"),
    ("gb18030", b"\xaa\xa1\xfe\xfe", "\ue000\ue4c5"),
    ("euc-jp", b"\xa1\xc2\xa1\xdd\xa1\xf1\xa1\xf2\xa2\xcc", "∥\uff0d￠￡￢"),
    ("euc-jp", b"\xad\xa1\xad\xa2\xad\xa1a\xad\xe2", "①②①a№"),
    ("euc-jp", b"\x8f\xa2\xb7", "\uff5e"),
    ("big5", b"\xa1\x4e\xa1\xc2\xa1\xe3\xa1\xf2\xa1\xf3\xa2\x44\xa2\x46\xa2\x47", "﹑¯\uff5e⊕⊙￥￠￡"),
    ("big5", b"\xa2\x41\xa2\x42\xa3\xc0\xa3\xe0\xa3\xe1", "\u2215\ufe68\u2400\u2421€"),
    ("big5", b"\x87\x7a\x87\x7e\x87\xa1\x88\x62\xfe\xdd", "\u3875\u3eec\U000258de\xca\u0304砉"),
    ("shift_jis", b"\x80\xf0\x40\xf9\xfc", "\x80\ue000\ue757"),
    ("iso-2022-jp", b"\x1b$B-!y!\x1b(J\\~", "①纊¥‾"),
]

BYTE_ORDER_MARKS = [
    ("utf-8", b"\xef\xbb\xbf", ""),
    ("utf-8", b"\xef\xbb\xbfa", "a"),
    ("utf-8", b"\xef\xbb\xbf\xef\xbb\xbfa", "\ufeffa"),
    ("utf-16le", b"\xff\xfe", ""),
    ("utf-16le", b"\xff\xfea\x00", "a"),
    ("utf-16le", b"\xff\xfe\xff\xfea\x00", "\ufeffa"),
    ("utf-16le", b"\xfe\xff\x00a", "\ufffe\u6100"),
    ("utf-16be", b"\xfe\xff\x00a", "a"),
    ("utf-16be", b"\xff\xfea\x00", "\ufffe\u6100"),
    ("utf-16", b"\xff\xfea\x00", "a"),
    ("utf-16", b"\xfe\xff\x00a", "a"),
    ("utf-16", b"\xfe\xff\xfe\xff\x00a", "\ufeffa"),
    ("utf-16", b"\x00a", "\u6100"),
    ("latin1", b"\xef\xbb\xbfa", "ï»¿a"),
    ("windows-1252", b"\xff\xfea", "ÿþa"),
]

UNREADABLE = [
    ("utf-8", b"\xe2\x98"),
    ("utf-8", b"a\x80"),
    ("utf-8", b"\xc0\xaf"),
    ("utf-8", b"\xed\xa0\x80"),
    ("utf-8", b"\xf4\x90\x80\x80"),
    ("utf-8", b"\xff\xfea\x00"),
    ("utf-16", b"\x3d\xd8"),
    ("utf-16", b"A"),
    ("utf-16le", b"\xff\xfeA\x00B"),
    ("utf-16be", b"\x00A\x00"),
    ("windows-1253", b"\xaa"),
    ("windows-874", b"\xdb"),
    ("utf-16le", b"\x3d\xd8a\x00"),
    ("utf-16le", b"\xa9\xdc"),
    ("utf-16be", b"\xdc\xa9\xd8\x3d"),
    ("windows-1255", b"\xd9"),
    ("iso-8859-3", b"\xa5"),
    ("shift_jis", b"\x81"),
    ("shift_jis", b"\x81\x20"),
    ("shift_jis", b"\xa0"),
    ("shift_jis", b"\xff\xfe"),
    ("euc-jp", b"\xa4"),
    ("euc-jp", b"\xad"),
    ("euc-jp", b"\xad\xa1\xad\x20"),
    ("iso-2022-jp", b"\xb1"),
    ("iso-2022-jp", b"\x1b$B$"),
    ("iso-2022-jp", b"\x1b$B$\x1b(B"),
    ("iso-2022-jp", b"\x1b$BF|\n\x1b(B"),
    ("iso-2022-jp", b"\x1b(I`"),
    ("iso-2022-jp", b"\x1b(J\x1b(Ba"),
    ("iso-2022-jp", b"\x1b$(D!!"),
    ("iso-2022-jp", b"a\x1b"),
    ("iso-2022-jp", b"a\x0e"),
    ("gbk", b"\x81"),
    ("gbk", b"\x80\xff"),
    ("gbk", b"\x81\x20"),
    ("gb18030", b"\x81\x30\x80\x80"),
    ("gb18030", b"\xff"),
    ("gb18030", b"\x84\x31\xa4\x40"),
    ("gb18030", b"\x84\x32\x81\x30"),
    ("gb18030", b"\xe3\x32\x9a\x36"),
    ("gb18030", b"\x81\x30\x81"),
    ("big5", b"\xa4"),
    ("big5", b"\x80"),
    ("euc-kr", b"\x81"),
    ("euc-kr", b"\xff"),
]


def decode(content: bytes, label: str) -> str:
    codec = find_charset(label)
    assert codec is not None
    return decode_text(content, codec)


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [(label, content, text) for labels, content, text in CHARSETS for label in labels.split()],
)
def test_a_label_of_the_standard_selects_its_charset(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize("label", LABELS)
def test_ascii_text_is_itself_in_every_charset_but_utf_16(label: str) -> None:
    text = '{"a": [1, 2.5e3], "b": "~!@#$%^&*()_+`"}\r\n'
    utf16 = (find_charset(label) or "").startswith("utf-16")
    content = text.encode(find_charset(label) or "") if utf16 else text.encode("ascii")
    assert decode(content, label) == text


@pytest.mark.parametrize("label", LABELS)
def test_empty_content_is_empty_text(label: str) -> None:
    assert decode(b"", label) == ""


@pytest.mark.parametrize(("label", "standard"), SAME_CHARSET, ids=lambda label: ascii(label[:20]))
def test_case_and_white_space_of_a_label_are_ignored(label: str, standard: str) -> None:
    assert find_charset(label) == find_charset(standard) is not None


@pytest.mark.parametrize("label", NO_CHARSET, ids=lambda label: ascii(label[:40]))
def test_an_unknown_label_is_none(label: str) -> None:
    assert find_charset(label) is None


@pytest.mark.parametrize("name", NAMES_OF_ATTACKS)
def test_a_codec_of_python_that_is_not_a_charset_is_none(name: str) -> None:
    assert find_charset(name) is None
    assert find_charset(name.replace("_", "-").upper()) is None


@pytest.mark.parametrize("name", NAMES_OF_CODECS)
def test_a_name_of_a_codec_finds_a_charset_of_the_standard_or_none(name: str) -> None:
    assert find_charset(name) in {None, *map(find_charset, LABELS)}


@pytest.mark.parametrize(("label", "content", "text"), OFTEN_OTHERWISE)
def test_characters_agree_with_the_standard(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize(("label", "content", "text"), BYTE_ORDER_MARKS)
def test_one_byte_order_mark_of_the_charset_is_dropped_and_no_other(
    label: str, content: bytes, text: str
) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize(("label", "content"), UNREADABLE)
def test_bytes_that_are_not_text_in_their_charset_are_an_error(label: str, content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(content, label)


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("gbk", b"\x80", "€"),
        ("gbk", b"\x80a", "€a"),
        ("euc-jp", b"\xad\xa1", "①"),
        ("big5", b"\xa1\x45", "‧"),
    ],
)
def test_a_megabyte_of_mended_characters_is_read_whole(label: str, content: bytes, text: str) -> None:
    count = 2**20 // len(content)
    assert decode(content * count, label) == text * count


# -- the whole tables

# The first half of the SHA-256 of a table made from the standard's index of the same name (commit a985b62 of
# whatwg/encoding, 2026-05-21), a line "hexadecimal text" for each sequence, in their order; and their number.
TABLES = [
    ("big5", "18713476e8e6c85c", 18722),
    ("euc-jp", "048a65aa6cae2d7d", 13594),
    ("euc-kr", "31e2dc71d00707dd", 17176),
    ("gb18030", "6cab0b73589b8de0", 24069),
    ("ibm866", "0752cda6635dc49b", 256),
    ("iso-8859-10", "2bf5701e287521b4", 256),
    ("iso-8859-13", "9d2f1e21549d0508", 256),
    ("iso-8859-14", "69197c686b6b006f", 256),
    ("iso-8859-15", "3195474a128196d7", 256),
    ("iso-8859-16", "4e6a2e312e8bd2e5", 256),
    ("iso-8859-2", "cb0f10a23e72b4e7", 256),
    ("iso-8859-3", "33cecbdae087a4f4", 249),
    ("iso-8859-4", "426ad9db7a88b618", 256),
    ("iso-8859-5", "43e25b9ed3f918f5", 256),
    ("iso-8859-6", "3ef129af9f8f89f0", 211),
    ("iso-8859-7", "eabeed0398c6f8a1", 253),
    ("iso-8859-8", "2fbcb54bb84407e1", 220),
    ("koi8-r", "e3f3b2869507f133", 256),
    ("koi8-u", "1d619d5adc166823", 256),
    ("macintosh", "6d473f24961cb315", 256),
    ("shift_jis", "c5de9b247ddb1636", 9796),
    ("windows-1250", "c4fd4a5bd00c0288", 256),
    ("windows-1251", "c897b4ce507e707a", 256),
    ("windows-1252", "61bf6c0e2890e030", 256),
    ("windows-1253", "0ac6e0e585e2190f", 253),
    ("windows-1254", "6763c803fa221d9f", 256),
    ("windows-1255", "e54000dc46d75e52", 246),
    ("windows-1256", "2594dd447eddaa3a", 256),
    ("windows-1257", "30917ca9b291164e", 254),
    ("windows-1258", "2a576663b43ba511", 256),
    ("windows-874", "d490f83e34525d88", 248),
    ("x-mac-cyrillic", "fc767f33b6273a0b", 256),
]
OF_FOUR_BYTES = ("gb18030", "6b26b85ea2ade315", 39420)


def text_of(content: bytes, label: str) -> str | None:
    try:
        return decode(content, label)
    except UnicodeDecodeError:
        return None


def table(label: str, sequences: list[bytes]) -> list[tuple[bytes, str]]:
    texts = ((sequence, text_of(sequence, label)) for sequence in sequences)
    return [(sequence, text) for sequence, text in texts if text is not None]


def digest(table: list[tuple[bytes, str]]) -> str:
    lines = "".join(f"{sequence.hex()} {text}\n" for sequence, text in table)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def sequences_of(label: str) -> list[bytes]:
    """Return every byte, each that is not text followed by every other, and in EUC-JP these after 8F."""
    singles = [bytes([byte]) for byte in range(256)]
    pairs = [lead + trail for lead in singles if text_of(lead, label) is None for trail in singles]
    triples = [b"\x8f" + first + second for first in singles for second in singles]
    return singles + pairs + (triples if label == "euc-jp" else [])


@pytest.mark.parametrize(("label", "expected", "count"), TABLES)
def test_a_table_agrees_with_the_standard(label: str, expected: str, count: int) -> None:
    rows = table(label, sequences_of(label))
    assert (len(rows), digest(rows)) == (count, expected)


def four_bytes(pointer: int) -> bytes:
    first, rest = divmod(pointer, 12600)
    second, rest = divmod(rest, 1260)
    third, fourth = divmod(rest, 10)
    return bytes([0x81 + first, 0x30 + second, 0x81 + third, 0x30 + fourth])


def test_four_bytes_of_gb18030_are_the_rest_of_the_basic_plane() -> None:
    label, expected, count = OF_FOUR_BYTES
    rows = table(label, [four_bytes(pointer) for pointer in range(39500)])
    assert (len(rows), digest(rows)) == (count, expected)


def test_four_bytes_of_gb18030_are_every_character_of_the_other_planes() -> None:
    content = b"".join(map(four_bytes, range(189000, 1237576)))
    assert decode(content, "gb18030") == "".join(map(chr, range(0x10000, 0x110000)))


@given(st.integers(39420, 188999) | st.integers(1237576, 1587599))
@settings(deadline=None)
def test_other_four_bytes_of_gb18030_are_an_error(pointer: int) -> None:
    assert text_of(four_bytes(pointer), "gb18030") is None


SEQUENCES = {
    label: dict(table(label, sequences_of(label))) for label in ("gbk", "big5", "euc-jp", "shift_jis")
}


@pytest.mark.parametrize("label", SEQUENCES)
@given(data=st.data())
@settings(deadline=None)
def test_text_is_the_text_of_its_sequences(label: str, data: st.DataObject) -> None:
    sequences = data.draw(st.lists(st.sampled_from([*SEQUENCES[label], b"a", b"a", b"a"]), max_size=200))
    assert decode(b"".join(sequences), label) == "".join(SEQUENCES[label][sequence] for sequence in sequences)


PIECES = [
    b"\x1b(B",
    b"\x1b(I",
    b"\x1b(J",
    b"\x1b$@",
    b"\x1b$B",
    b"a",
    b"\\~",
    b"F|",
    b"-!",
    b"11",
    b"!",
    b"\n",
    b"\x1b",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
@settings(deadline=None, max_examples=1000)
def test_iso_2022_jp_agrees_with_the_automaton_of_the_standard(pieces: list[bytes]) -> None:
    assert text_of(b"".join(pieces), "iso-2022-jp") == read_iso_2022_jp(b"".join(pieces))


def read_iso_2022_jp(content: bytes) -> str | None:
    """https://encoding.spec.whatwg.org/#iso-2022-jp-decoder; None for an error."""
    state, has_switched, text, position = b"(B", False, "", 0
    while position < len(content):
        byte = content[position]
        if byte == 0x1B:
            state = content[position + 1 : position + 3]
            if has_switched or state not in (b"(B", b"(I", b"(J", b"$@", b"$B"):
                return None
            has_switched = True
            position += 3
            continue
        has_switched = False
        if state.startswith(b"$"):
            pair = bytes((byte + 0x80) & 0xFF for byte in content[position : position + 2])
            if pair not in SEQUENCES["euc-jp"]:
                return None
            text += SEQUENCES["euc-jp"][pair]
            position += 2
            continue
        if state == b"(I":
            character = chr(0xFF40 + byte) if 0x21 <= byte <= 0x5F else None
        else:
            character = {0x5C: "¥", 0x7E: "‾"}.get(byte) if state == b"(J" else None
            character = character or (chr(byte) if byte < 0x80 and byte not in (0x0E, 0x0F) else None)
        if character is None:
            return None
        text += character
        position += 1
    return text


# A megabyte is split in pieces at every place in a sequence.
@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("gb18030", b"\x81\x35\xf4\x37\x94\x39\xda\x33\xc4\xe3\x80", "\ue7c7💩你€"),
        ("gb18030", b"\x94\x39\xda\x33", "💩"),
        ("euc-jp", b"\x8f\xb0\xa1\xc6\xfc\x8e\xb1\xad\xa1", "丂日ｱ①"),
        ("big5", b"\xa4\xa4\x87\x7a", "中㡵"),
        ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B\\\x1b(J\\", "日本\\¥"),
    ],
)
def test_a_long_text_is_read_whole(label: str, content: bytes, text: str, before: int) -> None:
    count = 2**18 // len(content)
    assert decode(b"a" * before + content * count, label) == "a" * before + text * count


def test_threads_that_use_a_charset_first_read_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda row: decode(row[1], row[0].split()[0]), CHARSETS * 8))
    assert read == [text for _, _, text in CHARSETS] * 8
