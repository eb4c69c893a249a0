"""The labels of the WHATWG Encoding Standard, what bytes mean under each, and what is refused."""

import codecs
import encodings
import encodings.aliases
import pkgutil

import pytest

from apiroutes.body.charsets import decode_text, find_charset

# Every label of the standard that stands for text, spelled as there; bytes and what its charset reads.
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
    ("koi8-ru koi8-u", b"\xa4\xc1\xbd", "є\u0430Ґ"),
    ("csmacintosh mac macintosh x-mac-roman", b"\x80\xde\xd9", "ÄﬁŸ"),
    ("x-mac-cyrillic x-mac-ukrainian", b"\x80\xa2\xb6\xff", "АҐґ€"),
    ("tis-620", b"\xa1\xdf", "ก฿"),
    ("iso-8859-11 iso8859-11 iso885911", b"\x80\xa0\xa1", "\x80\xa0ก"),
    ("dos-874 windows-874", b"\x80\xa0\xa1", "€\xa0ก"),
    ("cp1250 windows-1250 x-cp1250", b"\x80\x8a\xa5\xbe", "€ŠĄľ"),
    ("cp1251 windows-1251 x-cp1251", b"\x80\x88\xa5", "Ђ€Ґ"),
    ("ansi_x3.4-1968 ascii us-ascii", b"\x7f", "\x7f"),
    (
        "cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987"
        " l1 latin1",
        b"\x80\x81\x9f\xa4\xd0",
        "\x80\x81\x9f¤Ð",
    ),
    ("cp1252 windows-1252 x-cp1252", b"\x80\x8e\xd0", "€ŽÐ"),
    ("cp1253 windows-1253 x-cp1253", b"\x80\xa1\xc1", "€΅\u0391"),
    ("cp1254 windows-1254 x-cp1254", b"\x80\xd0", "€Ğ"),
    (
        "csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5",
        b"\x80\xd0",
        "\x80Ğ",
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
]

LABELS = [label for labels, _, _ in CHARSETS for label in labels.split()]

SAME_CHARSET = [
    ("UTF-8", "utf-8"),
    (" \t\n\f\rutf-8\r\n", "utf-8"),
    ("utf_8", "utf-8"),
    ("utf 8", "utf-8"),
    ("UTF-8;", "utf-8"),
    ('"utf-8"', "utf-8"),
    ("utf16", "utf-16"),
    ("utf_16_le", "utf-16le"),
    ("UCS2", "ucs-2"),
    ("ISO_8859-1", "iso-8859-1"),
    ("iso8859_15", "iso-8859-15"),
    ("Shift-JIS", "shift_jis"),
    ("BIG5HKSCS", "big5"),
    ("windows31j", "shift_jis"),
]

NO_CHARSET = [
    "",
    " ",
    "-",
    "none",
    "null",
    "bogus",
    "utf-9",
    # the standard's encodings that stand for no text
    "csiso2022kr",
    "hz-gb-2312",
    "iso-2022-cn",
    "iso-2022-cn-ext",
    "iso-2022-kr",
    "replacement",
    "x-user-defined",
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
    # not a label, though it contains one
    "utf-8utf-8",
    "utf-8\x00x",
    "../../etc/passwd",
    "\u212aoi8-r",
    "\uff55\uff54\uff46-8",
    "utf-\uff18",
    "u" * 1_000_000,
    "utf-8" + " " * 1_000_000,
    "-" * 40 + "utf-8",
]

# Codecs of Python for other things than text, for the text of a program or a host name, and quadratic ones.
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

# Where one charset has two readings, the recorded server's.
RECORDED = [
    ("koi8-u", b"\xae\xbe", "╝╬"),
    ("macintosh", b"\xbd\xdb", "\u2126¤"),
    ("gbk", b"\xed\xa0\x80", "頎€"),
    ("gbk", b"\x80", "€"),
    ("gbk", b"\x80\x80\x80", "€€€"),
    ("gbk", b"\x81\x80\x80\x80a\x80", "亐€€a€"),
    ("euc-jp", b"\xa1\xc2\xa1\xdd\xa1\xf1\xa1\xf2\xa2\xcc", "∥\uff0d￠￡￢"),
    ("euc-jp", b"\xad\xa1\xad\xa2\xad\xa1a\xad\xe2", "①②①a№"),
    ("big5", b"\xa1\x4e\xa1\xc2\xa1\xe3\xa1\xf2\xa1\xf3\xa2\x44\xa2\x46\xa2\x47", "﹑¯\uff5e⊕⊙￥￠￡"),
    ("shift_jis", b"\x80", "\x80"),
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
    ("latin1", b"\xef\xbb\xbfa", "ï»¿a"),
    ("windows-1252", b"\xff\xfea", "ÿþa"),
]

BYTE_ORDERS = [
    ("most are ASCII little-endian", b"{\x00}\x00", "{}"),
    ("most are ASCII big-endian", b"\x00{\x00}", "{}"),
    ("as many of each", b"a\x00\x00a", "a\u6100"),
    ("none of either", b"\x26\x03", "\u0326"),
    ("zeros count for neither", b"\x00\x00\x00a", "\x00a"),
    ("a mark counts more than characters", b"\xff\xfe\x00a\x00b", "\u6100\u6200"),
    (
        "only the first 64 bytes count",
        b"a\x00" + b"\x26\x03" * 31 + b"\x00a" * 9,
        "a" + "\u0326" * 31 + "\u6100" * 9,
    ),
]

UNREADABLE = [
    ("utf-8", b"\xe2\x98"),
    ("utf-8", b"a\x80"),
    ("utf-8", b"\xc0\xaf"),
    ("utf-8", b"\xed\xa0\x80"),
    ("utf-8", b"\xf4\x90\x80\x80"),
    ("utf-8", b"\xff\xfea\x00"),
    ("ascii", b"h\xc3\xa9"),
    ("utf-16", b"\x3d\xd8"),
    ("utf-16le", b"\x3d\xd8a\x00"),
    ("utf-16le", b"\xa9\xdc"),
    ("utf-16be", b"\xdc\xa9\xd8\x3d"),
    ("windows-1250", b"\x81"),
    ("windows-1252", b"\x81"),
    ("windows-1255", b"\xd9"),
    ("windows-874", b"\x81"),
    ("tis-620", b"\x80"),
    ("tis-620", b"\xa0"),
    ("iso-8859-3", b"\xa5"),
    ("macintosh", b"\xf0"),
    ("shift_jis", b"\x81"),
    ("shift_jis", b"\x81\x20"),
    ("shift_jis", b"\xa0"),
    ("shift_jis", b"\xff\xfe"),
    ("euc-jp", b"\xa4"),
    ("euc-jp", b"\xad"),
    ("euc-jp", b"\xad\xa1\xad\x20"),
    ("iso-2022-jp", b"\xb1"),
    ("iso-2022-jp", b"\x1b$B$"),
    ("gbk", b"\x81"),
    ("gbk", b"\x80\xff"),
    ("gbk", b"\x81\x20"),
    ("gb18030", b"\x81\x30\x80\x80"),
    ("gb18030", b"\xff"),
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
def test_a_label_of_the_standard_reads_its_charset(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize("label", LABELS)
def test_ascii_text_is_itself_in_every_charset_but_utf_16(label: str) -> None:
    text = '{"a": [1, 2.5e3], "b": "~!@#$%^&*()_+`"}\r\n'
    utf16 = (find_charset(label) or "").startswith("utf-16")
    content = text.encode(find_charset(label) or "") if utf16 else text.encode("ascii")
    assert decode(content, label) == text


@pytest.mark.parametrize("label", LABELS)
def test_no_content_is_no_text(label: str) -> None:
    assert decode(b"", label) == ""


@pytest.mark.parametrize(("label", "standard"), SAME_CHARSET)
def test_case_blanks_and_punctuation_of_a_label_are_ignored(label: str, standard: str) -> None:
    assert find_charset(label) == find_charset(standard) is not None


@pytest.mark.parametrize("label", NO_CHARSET, ids=lambda label: ascii(label[:40]))
def test_what_is_no_label_of_the_standard_is_none(label: str) -> None:
    assert find_charset(label) is None


@pytest.mark.parametrize("name", NAMES_OF_ATTACKS)
def test_a_codec_of_python_that_is_no_charset_is_none(name: str) -> None:
    assert find_charset(name) is None
    assert find_charset(name.replace("_", "-").upper()) is None


@pytest.mark.parametrize("name", NAMES_OF_CODECS)
def test_a_name_of_a_codec_finds_a_charset_of_the_standard_or_none(name: str) -> None:
    assert find_charset(name) in {None, *map(find_charset, LABELS)}


@pytest.mark.parametrize("codec", sorted({find_charset(label) or "" for label in LABELS}))
def test_what_is_found_is_a_codec_of_python_for_text(codec: str) -> None:
    assert isinstance(codecs.decode(b"", codec), str)


@pytest.mark.parametrize(("label", "content", "text"), RECORDED)
def test_characters_are_read_as_recorded(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize(("label", "content", "text"), BYTE_ORDER_MARKS)
def test_one_byte_order_mark_of_the_charset_is_stripped(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize(("content", "text"), [pytest.param(*row, id=why) for why, *row in BYTE_ORDERS])
def test_the_byte_order_of_utf_16_is_guessed(content: bytes, text: str) -> None:
    assert decode(content, "utf-16") == text


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("utf-16", b"A\x00B", "A"),
        ("utf-16", b"A", ""),
        ("utf-16le", b"\xff\xfeA\x00B", "A"),
        ("utf-16be", b"\x00A\x00", "A"),
    ],
)
def test_half_a_code_unit_at_the_end_of_utf_16_is_dropped(label: str, content: bytes, text: str) -> None:
    assert decode(content, label) == text


@pytest.mark.parametrize(("label", "content"), UNREADABLE)
def test_bytes_that_are_no_text_in_their_charset_are_an_error(label: str, content: bytes) -> None:
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
