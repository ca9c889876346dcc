"""Files that are handed in where a CSV was meant, known by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass

#: Enough of a file to know every format below, and a ZIP archive by the name of its first entry.
SIGNATURE_BYTES = 128

SAVE_THE_SHEET = "Open it and save the sheet as 'CSV UTF-8'."
UNPACK = "Unpack it and hand in the CSV itself."
NO_SHEET = "Hand in the table of the products, saved as 'CSV UTF-8'."


@dataclass(frozen=True, slots=True)
class ForeignFormat:
    """what: as a shop would call it, with an article. way_out: a sentence."""

    what: str
    way_out: str


_OLD_EXCEL = ForeignFormat("an old Excel workbook (XLS)", SAVE_THE_SHEET)

#: Signatures at the file's first byte. The older Excel files are BIFF streams without a container.
_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0", _OLD_EXCEL),
    (b"\x09\x08\x10\x00\x00\x06", _OLD_EXCEL),
    (b"\x09\x08\x08\x00\x00\x05", _OLD_EXCEL),
    (b"PK\x05\x06", ForeignFormat("an empty ZIP archive", UNPACK)),
    (b"\x1f\x8b", ForeignFormat("a gzip archive", UNPACK)),
    (b"BZh", ForeignFormat("a bzip2 archive", UNPACK)),
    (b"\xfd7zXZ\x00", ForeignFormat("an xz archive", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", ForeignFormat("a 7-Zip archive", UNPACK)),
    (b"Rar!\x1a\x07", ForeignFormat("a RAR archive", UNPACK)),
    (b"\x28\xb5\x2f\xfd", ForeignFormat("a Zstandard archive", UNPACK)),
    (b"%PDF-", ForeignFormat("a PDF document", NO_SHEET)),
    (b"{\\rtf", ForeignFormat("a text document (RTF)", NO_SHEET)),
    (b"\x89PNG", ForeignFormat("a PNG image", NO_SHEET)),
    (b"\xff\xd8\xff", ForeignFormat("a JPEG image", NO_SHEET)),
    (b"GIF87a", ForeignFormat("a GIF image", NO_SHEET)),
    (b"GIF89a", ForeignFormat("a GIF image", NO_SHEET)),
    (b"II*\x00", ForeignFormat("a TIFF image", NO_SHEET)),
    (b"MM\x00*", ForeignFormat("a TIFF image", NO_SHEET)),
)
_ZIP = b"PK\x03\x04"
#: Where a ZIP archive's first entry has its name (APPNOTE.TXT section 4.3.7), and how the names begin.
_ZIP_NAME_AT = 30
_ZIP_NAMES = (
    (
        (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/"),
        ForeignFormat("an Excel workbook (XLSX), or another Office document", SAVE_THE_SHEET),
    ),
    (
        (b"mimetypeapplication/vnd.oasis.opendocument", b"mimetypeapplication/vnd.sun"),
        ForeignFormat("an OpenDocument file (ODS)", SAVE_THE_SHEET),
    ),
    ((b"Index/", b"Index.zip"), ForeignFormat("a Numbers document", SAVE_THE_SHEET)),
)
_ANY_ZIP = ForeignFormat(
    "an Excel workbook (XLSX) or another ZIP archive", "Open it and save the sheet as 'CSV UTF-8', or unpack it."
)


def foreign_format(head: bytes) -> ForeignFormat | None:
    """The format that a file's first `SIGNATURE_BYTES` give away; None for what may be text."""
    if head.startswith(_ZIP):
        names = (found for beginnings, found in _ZIP_NAMES if head[_ZIP_NAME_AT:].startswith(beginnings))
        return next(names, _ANY_ZIP)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ForeignFormat("a WebP image", NO_SHEET)
    if head[4:8] == b"ftyp":
        return ForeignFormat("an AVIF or HEIC image, or a film", NO_SHEET)
    return next((found for signature, found in _SIGNATURES if head.startswith(signature)), None)
