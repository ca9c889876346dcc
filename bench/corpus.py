"""The images that are measured: photographs, and products on white, at 0.3, 2, 12 and 24 megapixels.

Rebuilt from public packages into `.local/bench-corpus/`, once for each version of this file. Saved as cameras
and shops save: JPEG, quality 92, 4:2:0. The bytes follow from the sources, which are pinned by SHA-256, and
from Pillow's version.

Products are photographed cut-outs, or photographs printed on a plate or a cushion, on white with a soft shadow.
The Debian package names need `apt-get` and `dpkg-deb`.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path

from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter, ImageOps

PROJECT = Path(__file__).resolve().parent.parent
#: Named after this file's content: an edit makes a new corpus.
FOLDER = PROJECT / ".local" / "bench-corpus" / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]

SHOP_QUALITY = 92
#: Sides in pixels of the largest square that is accepted, and of one just over 90 megapixels.
LARGEST_SIDE, REFUSED_SIDE = 9_459, 9_487

#: The shadow under a product, in parts of the picture's width, and its darkness from 0 to 1.
SHADOW_BLUR, SHADOW_DROP, SHADOW_DARKNESS = 0.015, 0.012, 0.35
#: Red minus green, 0–255, from which a pixel belongs to the bowl: the concrete around it is grey.
BOWL_REDNESS = 45


class SizeClass(StrEnum):
    """Megapixels, as the tables name them."""

    SMALL = "0.3"
    SHOP = "2"
    PHONE = "12"
    CAMERA = "24"

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return _SIDES[self]


_SIDES: Mapping[SizeClass, tuple[int, int]] = {
    SizeClass.SMALL: (640, 480),
    SizeClass.SHOP: (1_600, 1_200),
    SizeClass.PHONE: (4_000, 3_000),
    SizeClass.CAMERA: (6_000, 4_000),
}


class Kind(StrEnum):
    PHOTOGRAPH = "photograph"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Photograph:
    """A source. package: Debian's or Python's name. path: inside the package."""

    package: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CorpusImage:
    path: Path
    size_class: SizeClass
    kind: Kind
    #: Width and height in pixels.
    width: int
    height: int
    #: How much longer its sides are than the source had them; 1 where nothing was scaled up.
    enlarged: float

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


class CorpusUnavailableError(Exception):
    """The corpus cannot be built here. The message says what is missing."""


NUTHATCH = Photograph(
    "lomiri-wallpapers-20.04",
    "usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg",
    "6572410c09f4492c74ccadde133565a14c0161617d5917d4c820c66d65a44ba7",
)
DRAGONFLY = Photograph(
    "lomiri-wallpapers-16.04",
    "usr/share/backgrounds/Dragonfly_by_Bolly.jpg",
    "af5af17841009732def24b09bb1e669a1b09d2b4bdeee7812c371101c30d2bb3",
)
DANDELION = Photograph(
    "lomiri-wallpapers-16.04",
    "usr/share/backgrounds/seeding_by_Clements_Engelhardt.jpg",
    "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
)
BOWL = Photograph(
    "lomiri-wallpapers-16.04",
    "usr/share/backgrounds/Picture_0B_by_freespace.jpg",
    "c8c0ab18e48d9e0419fe42881112137f3afafc27dfddc29ec3a6d54c56d225ad",
)
CHINA = Photograph(
    "sklearn", "datasets/images/china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"
)
COFFEE = Photograph("skimage", "data/coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7")

#: The bowl within its photograph: left, top, right, bottom in pixels.
BOWL_BOX = (540, 180, 2_572, 1_740)
#: The bark within the nuthatch's photograph: a cushion's cover.
BARK_BOX = (0, 0, 2_400, 3_391)

PHOTOGRAPHS: Mapping[SizeClass, Sequence[Photograph]] = {
    SizeClass.SMALL: (CHINA, COFFEE, DRAGONFLY),
    SizeClass.SHOP: (DRAGONFLY, NUTHATCH, DANDELION),
    SizeClass.PHONE: (DRAGONFLY, NUTHATCH),
    SizeClass.CAMERA: (NUTHATCH, DANDELION),
}


def corpus() -> list[CorpusImage]:
    """Every image, built where it is not there yet.

    Raises:
        CorpusUnavailableError: when a source cannot be had, or is another one than this file was written for.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    images = []
    for size_class, sources in PHOTOGRAPHS.items():
        images += [_photograph(source, size_class) for source in sources]
        images += [_product(name, size_class) for name in _products(size_class)]
    return images


def shop_images() -> list[CorpusImage]:
    """The 1,600 × 1,200 images that the worker and job benchmarks serve."""
    return [image for image in corpus() if image.size_class is SizeClass.SHOP]


def _photograph(source: Photograph, size_class: SizeClass) -> CorpusImage:
    name = f"{size_class}mp-photograph-{Path(source.path).stem.split('_')[0].lower()}.jpg"
    native = _size(source)
    # What the package has small already is taken as it is.
    width, height = native if native[0] * native[1] < 320_000 else size_class.sides
    path = _built(name, lambda: ImageOps.fit(_open(source), (width, height), Image.Resampling.LANCZOS))
    enlarged = max(1.0, width / native[0], height / native[1])
    return CorpusImage(path, size_class, Kind.PHOTOGRAPH, width, height, enlarged)


def _products(size_class: SizeClass) -> tuple[str, ...]:
    is_large = size_class in {SizeClass.PHONE, SizeClass.CAMERA}
    return ("plate", "cushion") if is_large else ("plate", "cushion", "bowl")


def _product(name: str, size_class: SizeClass) -> CorpusImage:
    width, height = size_class.sides
    # Two thirds of the height, as marketplaces ask for.
    side = height * 2 // 3
    objects = {"plate": _plate, "cushion": _cushion, "bowl": _bowl}
    native = {"plate": 3_168, "cushion": 2_400, "bowl": BOWL_BOX[3] - BOWL_BOX[1]}[name]
    path = _built(f"{size_class}mp-product-{name}.jpg", lambda: _on_white(objects[name](side), size_class.sides))
    return CorpusImage(path, size_class, Kind.PRODUCT, width, height, max(1.0, side / native))


def _plate(side: int) -> Image.Image:
    plate = ImageOps.fit(_open(DRAGONFLY), (side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", plate.size)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    plate.putalpha(mask)
    return plate


def _cushion(side: int) -> Image.Image:
    cushion = ImageOps.fit(_open(NUTHATCH).crop(BARK_BOX), (side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", cushion.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side - 1, side - 1), radius=side // 8, fill=255)
    cushion.putalpha(mask)
    return cushion


def _bowl(side: int) -> Image.Image:
    bowl = _open(BOWL).crop(BOWL_BOX)
    red, green, _ = bowl.split()
    redness = ImageChops.subtract(red, green).filter(ImageFilter.MedianFilter(9))
    is_bowl = redness.point([255 * (value >= BOWL_REDNESS) for value in range(256)])
    around = ImageOps.expand(is_bowl, border=1, fill=0)
    ImageDraw.floodfill(around, (0, 0), 128)
    inside = ImageOps.crop(around, border=1).point([255 * (value != 128) for value in range(256)])
    bowl.putalpha(inside.filter(ImageFilter.MinFilter(7)).filter(ImageFilter.GaussianBlur(3)))
    return ImageOps.contain(bowl, (side * 2, side), Image.Resampling.LANCZOS)


def _on_white(product: Image.Image, size: tuple[int, int]) -> Image.Image:
    place = ((size[0] - product.width) // 2, (size[1] - product.height) // 2)
    mask = Image.new("L", size)
    mask.paste(product.getchannel("A"), place)
    drop = round(size[0] * SHADOW_DROP)
    shadow = ImageChops.offset(mask, 0, drop).filter(ImageFilter.GaussianBlur(size[0] * SHADOW_BLUR))
    picture = Image.new("RGB", size, "white")
    picture.paste("black", mask=shadow.point([round(value * SHADOW_DARKNESS) for value in range(256)]))
    picture.paste(product.convert("RGB"), place, product.getchannel("A"))
    return picture


def memory_images() -> dict[str, Path]:
    """Files for the memory benchmark, by what is special about them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    photograph = _photograph(NUTHATCH, SizeClass.CAMERA).path
    return {
        "24 MP JPEG": photograph,
        "24 MP JPEG, to be turned": _built("turned.jpg", lambda: Image.open(photograph), orientation=6),
        "24 MP JPEG, CMYK": _built("cmyk.jpg", lambda: Image.open(photograph).convert("CMYK")),
        "24 MP PNG with alpha → WebP": _built("alpha.png", lambda: _with_alpha(photograph)),
        "89 MP JPEG": _built("89mp.jpg", lambda: _mirrored(photograph, LARGEST_SIDE)),
        "90 MP JPEG": _built("90mp.jpg", lambda: _mirrored(photograph, REFUSED_SIDE)),
    }


def _with_alpha(photograph: Path) -> Image.Image:
    picture = Image.open(photograph).convert("RGB")
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((0, 0, *picture.size), fill=255)
    picture.putalpha(mask)
    return picture


def _mirrored(photograph: Path, side: int) -> Image.Image:
    """A square of the photograph and its mirror images, edge to edge."""
    tile = Image.open(photograph).convert("RGB")
    picture = Image.new("RGB", (side, side))
    for top in range(0, side, tile.height):
        row = tile if top // tile.height % 2 == 0 else ImageOps.flip(tile)
        for left in range(0, side, tile.width):
            picture.paste(row if left // tile.width % 2 == 0 else ImageOps.mirror(row), (left, top))
    return picture


def _built(name: str, build: Callable[[], Image.Image], orientation: int = 1) -> Path:
    path = FOLDER / name
    if path.exists():
        return path
    # In two steps, lest half a file be taken for the whole one.
    unfinished = path.with_stem(f"{path.stem}.part")
    if path.suffix == ".png":
        build().save(unfinished, compress_level=1)
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        build().save(unfinished, quality=SHOP_QUALITY, subsampling="4:2:0", exif=exif if orientation != 1 else b"")
    unfinished.rename(path)
    return path


def _size(source: Photograph) -> tuple[int, int]:
    with Image.open(_source_path(source)) as image:
        return image.size


def _open(source: Photograph) -> Image.Image:
    return Image.open(_source_path(source)).convert("RGB")


@cache
def _source_path(source: Photograph) -> Path:
    if source.package.startswith("lomiri"):
        path = _debian_package(source.package) / source.path
    else:
        path = Path(str(files(source.package))) / source.path
    try:
        content = path.read_bytes()
    except FileNotFoundError as fault:
        raise CorpusUnavailableError(f"{source.package} does not contain {source.path}.") from fault
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise CorpusUnavailableError(f"{source.path} in {source.package} is not the photograph that was pinned.")
    return path


@cache
def _debian_package(name: str) -> Path:
    """The folder in which the package lies unpacked."""
    folder = FOLDER.parent / name
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        unfinished.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", "--quiet", "download", name], cwd=unfinished, check=True, capture_output=True)
            (package,) = unfinished.glob("*.deb")
            subprocess.run(["dpkg-deb", "--extract", package.name, "."], cwd=unfinished, check=True)
            package.unlink()
        except (OSError, ValueError, subprocess.CalledProcessError) as fault:
            raise CorpusUnavailableError(f"Debian's package {name} cannot be had: {fault}") from fault
        unfinished.rename(folder)
    return folder
