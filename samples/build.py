"""Rebuilds samples/images and samples/LICENSES.md from the photographs of two public packages.

Run by hand, on Debian 12 with pip, dpkg-deb and Pillow: `python samples/build.py`. The sources are pinned by
version and SHA-256. The files' bytes follow from them and from Pillow's version, here 13.0.0.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

SAMPLES = Path(__file__).resolve().parent
IMAGES = SAMPLES / "images"

DEBIAN_PACKAGE = ("lomiri-wallpapers-16.04", "20.04.0-2")
PYTHON_PACKAGE = ("scikit-image", "0.26.0")

#: Quality of the JPEGs, 1–95: what cameras and shops' editors write.
SHOP_QUALITY = 92
#: EXIF tag and value of a camera held upright: turn by 90° clockwise to show.
ORIENTATION_TAG, TURNED = 0x0112, 6
#: Red minus green, 0–255, from which a pixel belongs to the bowl: the concrete around it is grey (below 20).
BOWL_REDNESS = 45
TOUR_FRAMES = 4
TOUR_FRAME_MILLISECONDS = 700
#: Colours of the GIF, at most 256.
TOUR_COLOURS = 48

Box = tuple[int, int, int, int]


class Licence(StrEnum):
    """SPDX identifier; the licence's text is at LICENCE_PAGES."""

    CC0 = "CC0-1.0"
    BY = "CC-BY-4.0"
    BY_SA = "CC-BY-SA-4.0"


LICENCE_PAGES = {
    Licence.CC0: "https://creativecommons.org/publicdomain/zero/1.0/",
    Licence.BY: "https://creativecommons.org/licenses/by/4.0/",
    Licence.BY_SA: "https://creativecommons.org/licenses/by-sa/4.0/",
}


class Treatment(StrEnum):
    """How a crop becomes a file. The value is the change as LICENSES.md words it."""

    JPEG = "saved as JPEG"
    PNG = "saved as PNG"
    TURNED = "saved as JPEG lying on its side, with EXIF orientation 6"
    CUT_OUT = "background removed, saved as PNG with alpha"
    TOUR = "camera move across the picture, saved as animated GIF"


@dataclass(frozen=True, slots=True)
class Photograph:
    """A source. path: inside its package. Author and licence as the package's copyright file states them."""

    title: str
    author: str
    licence: Licence
    package: tuple[str, str]
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of samples/images.

    box: left, top, right, bottom of the crop in the source's pixels; None for all of it.
    longest: the longer side of the file in pixels; None for the crop's own.
    """

    name: str
    source: Photograph
    box: Box | None
    longest: int | None
    treatment: Treatment = Treatment.JPEG

    @property
    def changes(self) -> str:
        crop = () if self.box is None else ("cropped",)
        scale = () if self.longest is None else (f"scaled to {self.longest} px",)
        return ", ".join((*crop, *scale, self.treatment))


def _wallpaper(title: str, author: str, licence: Licence, file: str, sha256: str) -> Photograph:
    return Photograph(title, author, licence, DEBIAN_PACKAGE, f"usr/share/backgrounds/{file}", sha256)


WINE = _wallpaper(
    "Wine",
    "Jakub Mede, 2018",
    Licence.BY,
    "Wine_by_Jakkub_Mede.jpg",
    "d2e96e6d4da40dd804b3d0ce295e94de04a2d7d9b6785d42cd9d92ba58bced74",
)
FIG = _wallpaper(
    "Picture 0B",
    'Trevor "Freespace", 2018',
    Licence.BY,
    "Picture_0B_by_freespace.jpg",
    "c8c0ab18e48d9e0419fe42881112137f3afafc27dfddc29ec3a6d54c56d225ad",
)
BRUSHES = _wallpaper(
    "Picture 1A",
    'Trevor "Freespace", 2018',
    Licence.BY,
    "Picture_1A_by_freespace.jpg",
    "89e86af38d04daaef975665dc2127e9fa76f0fd68f4eea105a2d0ae3390b010b",
)
CLOCK = _wallpaper(
    "greentock",
    "Peter Nerlich, 2018",
    Licence.BY_SA,
    "greentock_by_Peter_Nerlich.jpg",
    "e7b20e2db9dcd6e2b278ca55873c2110b35d89cd38b04d0b18728726888e6889",
)
BIRD = _wallpaper(
    "free",
    "Peter Nerlich, 2018",
    Licence.BY_SA,
    "free_by_Peter_Nerlich.jpg",
    "85a5453c2fed514c75973016f3d862aca62eb7ca087618822469274ac1092373",
)
DANDELION = _wallpaper(
    "seeding",
    "Clemens Engelhardt, 2018",
    Licence.CC0,
    "seeding_by_Clements_Engelhardt.jpg",
    "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
)
COFFEE = Photograph(
    "Coffee cup",
    "Rachel Michetti, Pikolo Espresso Bar",
    Licence.CC0,
    PYTHON_PACKAGE,
    "skimage/data/coffee.png",
    "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
)

CATALOGUE_IMAGES = (
    Sample("beanbag-front.jpg", WINE, (0, 2200, 2200, 3837), 1100),
    Sample("beanbag-room.jpg", WINE, None, 1200, Treatment.TURNED),
    Sample("djembe-side.jpg", WINE, (40, 1780, 1760, 2960), 1000),
    Sample("djembe-head.jpg", WINE, (760, 1820, 1640, 2900), 900),
    Sample("pallet-table.jpg", WINE, (640, 380, 2480, 2000), 1000),
    Sample("pallet-table-corner.jpg", WINE, (1240, 1200, 2440, 2200), 1000),
    Sample("coffee-grinder.jpg", WINE, (1700, 680, 2320, 1320), None),
    Sample("coffee-grinder-on-table.jpg", WINE, (1440, 560, 2400, 1560), 900),
    Sample("wine-glass.jpg", WINE, (840, 380, 1460, 1380), None),
    Sample("serving-bowl.jpg", FIG, (280, 0, 2572, 1740), 1000),
    Sample("serving-bowl-cutout.png", FIG, (540, 180, 2572, 1740), 640, Treatment.CUT_OUT),
    Sample("serving-bowl-fig.jpg", FIG, (1000, 520, 1900, 1380), 800),
    Sample("serving-bowl-grain.jpg", FIG, (1760, 300, 2572, 1100), 720),
    Sample("paint-brushes.jpg", BRUSHES, None, 960),
    Sample("paint-brush-wide.jpg", BRUSHES, (0, 10, 490, 960), 800),
    Sample("paint-brush-round.jpg", BRUSHES, (880, 260, 1280, 1060), None),
    Sample("wall-clock.jpg", CLOCK, None, 1200),
    Sample("wall-clock-hands.jpg", CLOCK, (1100, 440, 2500, 1540), 1000),
    Sample("wall-clock-seven.png", CLOCK, (1240, 1260, 1880, 1860), 640, Treatment.PNG),
    Sample("wall-clock-tour.gif", CLOCK, None, 600, Treatment.TOUR),
    Sample("bird-mobile.jpg", BIRD, (600, 1060, 2000, 2060), 1000),
    Sample("bird-mobile-head.jpg", BIRD, (1140, 1360, 1700, 1900), 600),
    Sample("pendant-lamp.jpg", BIRD, (1060, 0, 2880, 1200), 1200),
    Sample("pendant-lamp-room.jpg", BIRD, None, 1400),
    Sample("espresso-cup.png", COFFEE, None, None, Treatment.PNG),
    Sample("canvas-dandelion.jpg", DANDELION, None, 1200),
    Sample("canvas-dandelion-detail.jpg", DANDELION, (500, 120, 2700, 1860), 900),
)


LICENCES_PREAMBLE = """\
# Licences of the sample images

The photographs in `images/` are not under this project's licence but under their own, below. Each is an
adaptation, made by `build.py`, and stays under the licence of the photograph it was made from. Their authors
have nothing to do with this project, and the products and names in `catalogue.csv` are invented.

Authors and licences are as the packages state them. `build.py` has each source's SHA-256.

- Debian package `lomiri-wallpapers-16.04`: `usr/share/doc/lomiri-wallpapers-16.04/copyright`, upstream
  https://gitlab.com/ubports/development/core/lomiri-wallpapers
- Python package `scikit-image`: `skimage/data/_fetchers.py`, upstream https://scikit-image.org

| file | title | author | licence | source | changes |
|---|---|---|---|---|---|"""


class SourceChangedError(ValueError):
    """A photograph in a package is not the one that this file was written for."""


def build() -> None:
    """Write every image and LICENSES.md, over what is there.

    Raises:
        subprocess.CalledProcessError: when a package cannot be downloaded or unpacked.
        SourceChangedError: when a photograph's SHA-256 is another one.
    """
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder)
        _unpack_packages(unpacked)
        for sample in CATALOGUE_IMAGES:
            (IMAGES / sample.name).write_bytes(_encode(sample, _open(sample.source, unpacked)))
    (SAMPLES / "LICENSES.md").write_text(_licences(), encoding="utf-8")


def _unpack_packages(folder: Path) -> None:
    debian_name, debian_version = DEBIAN_PACKAGE
    _run(folder, "apt-get", "--quiet", "download", f"{debian_name}={debian_version}")
    for package in folder.glob("*.deb"):
        _run(folder, "dpkg-deb", "--extract", package.name, ".")
    python_name, python_version = PYTHON_PACKAGE
    pip_download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
    _run(folder, *pip_download, f"{python_name}=={python_version}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(COFFEE.path, folder)


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - the commands are this file's own


def _open(source: Photograph, unpacked: Path) -> Image.Image:
    content = (unpacked / source.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise SourceChangedError(f"{source.path} in {' '.join(source.package)}")
    return Image.open(io.BytesIO(content)).convert("RGB")


def _encode(sample: Sample, photograph: Image.Image) -> bytes:
    crop = photograph.crop(sample.box)
    file = io.BytesIO()
    match sample.treatment:
        case Treatment.JPEG:
            _scaled(crop, sample.longest).save(file, "JPEG", quality=SHOP_QUALITY)
        case Treatment.TURNED:
            lying = _scaled(crop, sample.longest).transpose(Image.Transpose.ROTATE_90)
            exif = Image.Exif()
            exif[ORIENTATION_TAG] = TURNED
            lying.save(file, "JPEG", quality=SHOP_QUALITY, exif=exif)
        case Treatment.PNG:
            _scaled(crop, sample.longest).save(file, "PNG", optimize=True)
        case Treatment.CUT_OUT:
            _scaled(_cut_out(crop), sample.longest).save(file, "PNG", optimize=True)
        case Treatment.TOUR:
            _save_tour(crop, sample.longest, file)
    return file.getvalue()


def _scaled(picture: Image.Image, longest: int | None) -> Image.Image:
    if longest is None:
        return picture
    return ImageOps.contain(picture, (longest, longest), Image.Resampling.LANCZOS)


def _cut_out(crop: Image.Image) -> Image.Image:
    """The red bowl and what lies in it, soft-edged; around it transparent white, which PNG packs best."""
    red, green, _ = crop.split()
    redness = ImageChops.subtract(red, green).filter(ImageFilter.MedianFilter(9))
    bowl = redness.point([255 * (value >= BOWL_REDNESS) for value in range(256)])
    around = ImageOps.expand(bowl, border=1, fill=0)
    ImageDraw.floodfill(around, (0, 0), 128)
    inside = ImageOps.crop(around, border=1).point([255 * (value != 128) for value in range(256)])
    alpha = inside.filter(ImageFilter.MinFilter(7)).filter(ImageFilter.GaussianBlur(3))
    white = Image.new("RGB", crop.size, "white")
    cut_out = Image.composite(crop, white, alpha.point([255 * (value > 0) for value in range(256)]))
    cut_out.putalpha(alpha)
    return cut_out


def _save_tour(picture: Image.Image, longest: int | None, file: io.BytesIO) -> None:
    """Frames half as wide and high as the picture, from its upper left to its lower right."""
    width, height = picture.width // 2, picture.height // 2
    frames = []
    for step in range(TOUR_FRAMES):
        left, top = (side * step // (TOUR_FRAMES - 1) for side in (width, height))
        frame = _scaled(picture.crop((left, top, left + width, top + height)), longest)
        frames.append(frame.quantize(TOUR_COLOURS, dither=Image.Dither.NONE))
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=TOUR_FRAME_MILLISECONDS, loop=0)


def _licences() -> str:
    return "\n".join([LICENCES_PREAMBLE, *(_licence_row(sample, sample.source) for sample in CATALOGUE_IMAGES), ""])


def _licence_row(sample: Sample, source: Photograph) -> str:
    cells = (
        f"`{sample.name}`",
        source.title,
        source.author,
        f"[{source.licence}]({LICENCE_PAGES[source.licence]})",
        f"{' '.join(source.package)}, `{source.path}`",
        sample.changes,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    build()
