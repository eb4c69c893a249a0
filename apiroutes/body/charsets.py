"""Comes in: a charset label as the client wrote it, and bytes. Goes out: a codec, and text.

The charsets are those of https://encoding.spec.whatwg.org/#names-and-labels and no others: a client never
chooses a Python codec. May be raised: UnicodeDecodeError, for bytes that are not text in their charset.
"""

import codecs
import re
from collections.abc import Mapping

# The longest label of the standard has 19 characters; on what is longer than this no work is done.
_MAX_LABEL = 40

# The recorded server compares ASCII letters and digits only: "utf_8", "utf 8" and "UTF8" are all utf-8.
_IGNORED = re.compile("[^0-9A-Za-z]+")

# codec: labels, as in the standard's table. How a charset is read: where the recorded server knows the label,
# as it does; where it does not (x-mac-roman, x-mac-cyrillic, iso-2022-jp, ...), as in the standard.
# - The recorded server has charsets of their own behind the labels of ASCII, ISO-8859-1, -9, -11 and TIS-620,
#   in the standard these are labels of windows-1252, -1254 and -874. Bytes 80-9F are control characters in
#   ISO-8859, and errors in ASCII and TIS-620.
# - "utf-16" has its byte order guessed, the other labels of that charset are little-endian.
# - The standard's GBK decoder is the one of gb18030, its Shift_JIS is windows-31j (cp932), its EUC-KR is
#   windows-949 (cp949), its Big5 has the Hong Kong characters (big5hkscs).
# - The labels of "replacement" (iso-2022-kr, hz-gb-2312, ...) stand for no text, and x-user-defined is for
#   binary data: none of them is a charset here, nor are they on the recorded server.
#
# What is still read otherwise, because mending it takes more than it gives:
# - koi8_u: AE and BE are box drawings, as recorded for "koi8-u"; recorded for "koi8-ru", and in the standard
#   for both, are the letters U with breve.
# - big5hkscs is of 2004: 192 sequences (the additions of 2008, compatibility duplicates, control pictures)
#   are errors. A241 and A242 are the full-width solidus and reverse solidus, not their near doubles.
# - euc_jp: 8FA2B7 is an ASCII tilde, not a full-width one.
# - gb18030: the four-byte sequences that stand for no character are errors, as in the standard; recorded are
#   characters that are not meant. The private-use areas are read under every label, and so are those of cp932
#   (F941 to F9FC); recorded for "gb2312", and for them, are errors.
# - iso2022_jp_ext reads JIS X 0212 too, and does not have NEC's rows.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "utf-16": "utf-16",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16le",
    "utf-16-be": "unicodefffe utf-16be",
    "ascii": "ansi_x3.4-1968 ascii us-ascii",
    "latin_1": "cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso_8859-1 iso_8859-1:1987 l1"
    " latin1",
    "iso8859_2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859_3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859_4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859_5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso_8859-5 iso_8859-5:1988",
    "iso8859_6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e"
    " iso-8859-6-i iso-ir-127 iso8859-6 iso_8859-6 iso_8859-6:1987",
    "iso8859_7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso_8859-7"
    " iso_8859-7:1987 sun_eu_greek",
    "iso8859_8": "csiso88598e csiso88598i csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-8859-8-i"
    " iso-ir-138 iso8859-8 iso_8859-8 iso_8859-8:1988 logical visual",
    "iso8859_9": "csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso_8859-9 iso_8859-9:1989 l5 latin5",
    "iso8859_10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 l6 latin6",
    "iso8859_11": "iso-8859-11 iso8859-11",
    "iso8859_13": "iso-8859-13 iso8859-13",
    "iso8859_14": "iso-8859-14 iso8859-14",
    "iso8859_15": "csisolatin9 iso-8859-15 iso8859-15 iso_8859-15 l9",
    "iso8859_16": "iso-8859-16",
    "cp866": "866 cp866 csibm866 ibm866",
    "koi8_r": "cskoi8r koi koi8 koi8-r",
    "koi8_u": "koi8-ru koi8-u",
    "mac_roman": "csmacintosh mac macintosh x-mac-roman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 windows-874",
    "tis_620": "tis-620",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "cp1252 windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb18030 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp_ext": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601"
    " windows-949",
}

# Characters that a codec reads otherwise than it should. Nothing else in the charset decodes to the first of
# a pair, so that the text can be mended after decoding.
_JIS_X_0208 = {
    "\u301c": "\uff5e",
    "\u2016": "\u2225",
    "\u2212": "\uff0d",
    "\xa2": "\uffe0",
    "\xa3": "\uffe1",
    "\xac": "\uffe2",
}
_BIG5 = {
    "\u2022": "\u2027",
    "\uff64": "\ufe51",
    "\u203e": "\xaf",
    "\u223c": "\uff5e",
    "\u2641": "\u2295",
    "\u2609": "\u2299",
    "\xa5": "\uffe5",
    "\xa2": "\uffe0",
    "\xa3": "\uffe1",
}
_REPLACED: Mapping[str, Mapping[str, str]] = {
    "big5hkscs": _BIG5,
    "euc_jp": _JIS_X_0208,
    "gb18030": {"\ue5e5": "\u3000"},
    "iso2022_jp_ext": _JIS_X_0208,
}

# What cp932 makes of the bytes A0, FD, FE and FF, which should be errors.
_UNDEFINED_IN_CP932 = re.compile("[\uf8f0-\uf8f3]")

# What stands for an undefined byte in a table of codecs.charmap_decode.
_UNDEFINED = "\ufffe"


def find_charset(label: str) -> str | None:
    """The Python codec for a charset label of the WHATWG Encoding Standard, or None when it is not one."""
    if len(label) > _MAX_LABEL:
        return None
    return _CODECS.get(_fold(label))


def decode_text(content: bytes, codec: str) -> str:
    """Decode strictly; a byte order mark is stripped. `codec` is one that `find_charset` returned.

    Raises UnicodeDecodeError: the bytes are not text in that charset.
    """
    if codec == "utf-8":
        return (content[3:] if content.startswith(codecs.BOM_UTF8) else content).decode()
    if codec.startswith("utf-16"):
        return _decode_utf16(content, codec)
    if table := _TABLES.get(codec):
        return codecs.charmap_decode(content, "strict", table)[0]
    return _decode_with_codec(content, codec)


def _fold(label: str) -> str:
    return _IGNORED.sub("", label).lower()


def _decode_utf16(content: bytes, codec: str) -> str:
    if codec == "utf-16":
        codec = _guess_byte_order(content)
    mark = codecs.BOM_UTF16_LE if codec == "utf-16-le" else codecs.BOM_UTF16_BE
    start = len(mark) if content.startswith(mark) else 0
    # As recorded, half a code unit at the end is dropped.
    return content[start : len(content) & ~1].decode(codec)


def _guess_byte_order(content: bytes) -> str:
    # As recorded: the byte order mark; else whichever order makes more of the first 32 code units characters
    # below U+0100; else little-endian.
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if content.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    units = list(zip(content[:64:2], content[1:64:2], strict=False))
    little = sum(first != 0 and second == 0 for first, second in units)
    big = sum(first == 0 and second != 0 for first, second in units)
    return "utf-16-be" if big > little else "utf-16-le"


def _decode_with_codec(content: bytes, codec: str) -> str:
    if codec == "gb18030":
        # In a run of 80 all but the first are euro signs for certain. Where the content is nothing else, this
        # leaves half of them to the error handler, which is slow.
        content = content.replace(b"\x80\x80", b"\x80\xa2\xe3")
    text = content.decode(codec, _ERRORS.get(codec, "strict"))
    if codec == "cp932" and _UNDEFINED_IN_CP932.search(text):
        raise UnicodeDecodeError(codec, content, 0, len(content), "undefined byte")
    for read, meant in _REPLACED.get(codec, {}).items():
        text = text.replace(read, meant)
    return text


def _patch_table(codec: str, characters: Mapping[int, str]) -> str:
    # The 256 characters of a single-byte codec with some of them changed.
    table = bytes(range(256)).decode(codec, "replace").replace("\ufffd", _UNDEFINED)
    return "".join(characters.get(byte, character) for byte, character in enumerate(table))


def _register_missing(codec: str, characters: Mapping[bytes, str]) -> str:
    # An error handler that reads the sequences a codec lacks, which are all of one length.
    width = len(next(iter(characters)))

    def read_missing(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        start = error.start
        end = start + width
        try:
            return characters[error.object[start:end]], end
        except KeyError:
            raise error from None

    name = f"apiroutes.{codec}"
    codecs.register_error(name, read_missing)
    return name


def _list_nec_rows() -> dict[bytes, str]:
    # Rows 13 and 89 to 92 of JIS X 0208 as NEC filled them (circled digits, letters of names) are part of
    # EUC-JP as it is used, but not of Python's euc_jp. Its cp932 has them, two rows under each lead byte.
    trails = [*range(0x40, 0x7F), *range(0x80, 0xFD)]
    rows = {}
    for row, lead in ((13, 0x87), (89, 0xED), (91, 0xEE)):
        for index, trail in enumerate(trails):
            character = bytes([lead, trail]).decode("cp932", "replace")
            if "\ufffd" not in character:
                rows[bytes([0xA0 + row + index // 94, 0xA1 + index % 94])] = character
    return rows


# folded label: codec
_CODECS = {_fold(label): codec for codec, labels in _LABELS.items() for label in labels.split()}

# codec: the error handler that reads the characters it lacks
_ERRORS = {
    "euc_jp": _register_missing("euc_jp", _list_nec_rows()),
    "gb18030": _register_missing("gb18030", {b"\x80": "€"}),
}

# codec: the table that is used in its place
_TABLES = {
    "cp1255": _patch_table("cp1255", {0xCA: "\u05ba"}),
    "mac_roman": _patch_table("mac_roman", {0xBD: "\u2126", 0xDB: "¤", 0xF0: _UNDEFINED}),
    "tis_620": _patch_table("tis_620", dict.fromkeys(range(0x80, 0xA0), _UNDEFINED)),
}
