"""Where the files come from: source packages whose licences allow their use here, fetched by name."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What an image file's name ends in.
ENDINGS = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".gif",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".avif",
        ".heic",
    }
    | {".heif", ".hif", ".avifs", ".dib", ".jp2", ".ico", ".psd", ".svg"}
)
#: Bytes of the largest file that is taken.
MAX_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Package:
    """name and version: as on PyPI. holds: whose files these are. is_wheel: built, not source."""

    name: str
    version: str
    licence: str
    holds: str
    is_wheel: bool = False


PACKAGES = (
    Package("pillow", "13.0.0", "MIT-CMU", "its test images, with samples of libtiff, libwebp, libavif and BMPsuite"),
    Package("pillow_heif", "1.8.1", "BSD-3-Clause", "HEIF and AVIF of cameras and of Nokia's conformance suite"),
    Package("imagesize", "2.0.1", "MIT", "one small file of each format"),
    Package("piexif", "1.1.3", "MIT", "EXIF of cameras"),
    Package("scikit-image", "0.26.0", "BSD-3-Clause", "photographs and microscopy", is_wheel=True),
    Package("imageio", "2.38.1", "BSD-2-Clause", "samples"),
    Package("pygame", "2.6.1", "LGPL-2.1", "icons and sprites", is_wheel=True),
    Package("matplotlib", "3.11.2", "PSF", "charts that its tests compare with", is_wheel=True),
    Package("sphinx", "9.0.4", "BSD-2-Clause", "logos and icons"),
)


def fetch(package: Package, folder: Path, python: Path) -> Path:
    """The package's archive, fetched once by the pip of `python`. Raises SubprocessError."""
    place = folder / f"{package.name}-{package.version}"
    if not place.exists():
        kind = "--only-binary" if package.is_wheel else "--no-binary"
        wanted = f"{package.name}=={package.version}"
        unfinished = place.with_suffix(".part")
        subprocess.run(
            [python, "-m", "pip", "download", "--quiet", "--no-deps", kind, ":all:", "-d", unfinished, wanted],
            check=True,
            timeout=600,
        )
        unfinished.rename(place)
    return next(place.iterdir())


def images(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each image file in an archive."""
    if archive.suffix in {".zip", ".whl"}:
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                if _is_image(entry.filename) and entry.file_size <= MAX_BYTES:
                    yield entry.filename, zipped.read(entry)
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and _is_image(member.name) and member.size <= MAX_BYTES:
                    file = tar.extractfile(member)
                    if file is not None:
                        yield member.name, file.read()


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in ENDINGS
