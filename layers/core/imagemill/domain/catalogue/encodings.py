"""The encodings that a CSV may have, and their labels (WHATWG Encoding Standard, section 4.2)."""

from __future__ import annotations

from enum import StrEnum


class Encoding(StrEnum):
    """By Python's names of their codecs, which stored layouts hold.

    Where the standard's encoding holds more than its name says, it is the codec of what it holds: Shift_JIS is
    Windows-31J, EUC-KR is UHC, GBK is read as GB18030. ISO-2022-JP is not among them: its characters are made of
    bytes that are quotation marks and delimiters elsewhere.
    """

    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "cp1252"
    IBM866 = "cp866"
    ISO_8859_2 = "iso8859-2"
    ISO_8859_3 = "iso8859-3"
    ISO_8859_4 = "iso8859-4"
    ISO_8859_5 = "iso8859-5"
    ISO_8859_6 = "iso8859-6"
    ISO_8859_7 = "iso8859-7"
    ISO_8859_8 = "iso8859-8"
    ISO_8859_10 = "iso8859-10"
    ISO_8859_13 = "iso8859-13"
    ISO_8859_14 = "iso8859-14"
    ISO_8859_15 = "iso8859-15"
    ISO_8859_16 = "iso8859-16"
    KOI8_R = "koi8-r"
    KOI8_U = "koi8-u"
    MACINTOSH = "mac-roman"
    X_MAC_CYRILLIC = "mac-cyrillic"
    WINDOWS_874 = "cp874"
    WINDOWS_1250 = "cp1250"
    WINDOWS_1251 = "cp1251"
    WINDOWS_1253 = "cp1253"
    WINDOWS_1254 = "cp1254"
    WINDOWS_1255 = "cp1255"
    WINDOWS_1256 = "cp1256"
    WINDOWS_1257 = "cp1257"
    WINDOWS_1258 = "cp1258"
    GB18030 = "gb18030"
    BIG5 = "big5hkscs"
    EUC_JP = "euc-jp"
    SHIFT_JIS = "cp932"
    EUC_KR = "cp949"

    @property
    def label(self) -> str:
        """The standard's name, in lower case."""
        return _NAMES[self]

    @property
    def is_16_bit(self) -> bool:
        return self in {Encoding.UTF_16_LE, Encoding.UTF_16_BE}


#: The standard's name of each, and the further labels it has.
_LABELS: dict[Encoding, str] = {
    Encoding.UTF_8: "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    Encoding.UTF_16_LE: "utf-16le utf-16 csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
    Encoding.UTF_16_BE: "utf-16be unicodefffe",
    Encoding.WINDOWS_1252: (
        "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 latin1 l1 "
        "csisolatin1 ascii us-ascii ansi_x3.4-1968 cp819 ibm819"
    ),
    Encoding.IBM866: "ibm866 866 cp866 csibm866",
    Encoding.ISO_8859_2: ("iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 latin2 l2 csisolatin2"),
    Encoding.ISO_8859_3: ("iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 iso-ir-109 latin3 l3 csisolatin3"),
    Encoding.ISO_8859_4: ("iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 iso-ir-110 latin4 l4 csisolatin4"),
    Encoding.ISO_8859_5: (
        "iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 iso-ir-144 cyrillic csisolatincyrillic"
    ),
    Encoding.ISO_8859_6: (
        "iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 iso-8859-6-e iso-8859-6-i iso-ir-127 arabic "
        "asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114"
    ),
    Encoding.ISO_8859_7: (
        "iso-8859-7 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 iso-ir-126 greek greek8 csisolatingreek ecma-118 "
        "elot_928 sun_eu_greek"
    ),
    Encoding.ISO_8859_8: (
        "iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 iso-8859-8-e iso-8859-8-i iso-ir-138 hebrew visual "
        "logical csiso88598e csiso88598i csisolatinhebrew"
    ),
    Encoding.ISO_8859_10: "iso-8859-10 iso8859-10 iso885910 iso-ir-157 latin6 l6 csisolatin6",
    Encoding.ISO_8859_13: "iso-8859-13 iso8859-13 iso885913",
    Encoding.ISO_8859_14: "iso-8859-14 iso8859-14 iso885914",
    Encoding.ISO_8859_15: "iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 csisolatin9",
    Encoding.ISO_8859_16: "iso-8859-16",
    Encoding.KOI8_R: "koi8-r koi koi8 koi8_r cskoi8r",
    Encoding.KOI8_U: "koi8-u koi8-ru",
    Encoding.MACINTOSH: "macintosh mac x-mac-roman csmacintosh",
    Encoding.X_MAC_CYRILLIC: "x-mac-cyrillic x-mac-ukrainian",
    Encoding.WINDOWS_874: "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620",
    Encoding.WINDOWS_1250: "windows-1250 cp1250 x-cp1250",
    Encoding.WINDOWS_1251: "windows-1251 cp1251 x-cp1251",
    Encoding.WINDOWS_1253: "windows-1253 cp1253 x-cp1253",
    Encoding.WINDOWS_1254: (
        "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 iso-ir-148 latin5 l5 "
        "csisolatin5"
    ),
    Encoding.WINDOWS_1255: "windows-1255 cp1255 x-cp1255",
    Encoding.WINDOWS_1256: "windows-1256 cp1256 x-cp1256",
    Encoding.WINDOWS_1257: "windows-1257 cp1257 x-cp1257",
    Encoding.WINDOWS_1258: "windows-1258 cp1258 x-cp1258",
    Encoding.GB18030: ("gb18030 gbk x-gbk chinese gb2312 gb_2312 gb_2312-80 iso-ir-58 csgb2312 csiso58gb231280"),
    Encoding.BIG5: "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    Encoding.EUC_JP: "euc-jp x-euc-jp cseucpkdfmtjapanese",
    Encoding.SHIFT_JIS: "shift_jis shift-jis sjis x-sjis ms_kanji ms932 windows-31j csshiftjis",
    Encoding.EUC_KR: (
        "euc-kr cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949"
    ),
}
_NAMES = {encoding: labels.split()[0] for encoding, labels in _LABELS.items()}
_BY_LABEL = {label: encoding for encoding, labels in _LABELS.items() for label in labels.split()}

#: The name of each encoding, as a caller may give it; there are further labels.
ENCODING_NAMES = tuple(_NAMES.values())


def encoding_of(label: str) -> Encoding | None:
    """The encoding that a label stands for, whatever its case; None for one that is not read."""
    return _BY_LABEL.get(label.strip().lower())
