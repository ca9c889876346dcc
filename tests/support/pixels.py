"""Colours of encoded images, transparent images and animations."""

from io import BytesIO
from typing import Any

from PIL import Image

from tests.support.image_files import BLUE, GREEN, RED, opened, saved

#: Difference of one channel, 0–255, that lossy coding of flat areas may make.
TOLERANCE = 12


def near(colour: object, expected: tuple[int, ...], tolerance: int = TOLERANCE) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(one - other) <= tolerance for one, other in zip(colour, expected, strict=True))


def rgb_at(data: bytes, x: int, y: int) -> object:
    return opened(data).convert("RGB").getpixel((x, y))


def transparent(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """Blue, or dark grey, with a patch in the upper left that lets all light through."""
    alpha = Image.new("L", (64, 64), 255)
    alpha.paste(0, (0, 0, 32, 32))
    match mode:
        case "RGBA" | "LA":
            image = Image.new("RGBA", (64, 64), BLUE)
            image.putalpha(alpha)
            return image.convert(mode), {}
        case "P" | "P bytes":
            image = alpha.point([0] * 255 + [1]).convert("P")
            image.putpalette([255, 0, 255, 0, 0, 255])
            return image, {"transparency": 0 if mode == "P" else b"\0\xff"}
        case "I;16 key":
            image = Image.new("I;16", (64, 64), 29 * 257)
            image.paste(0, (0, 0, 32, 32))
        case "1 key":
            image = alpha.convert("1")
        case _:
            image = Image.composite(Image.new("RGB", (64, 64), BLUE), Image.new("RGB", (64, 64)), alpha)
            image = image.convert(mode.removesuffix(" key"))
    return image, {"transparency": (0, 0, 0) if mode == "RGB key" else 0}


DURATIONS = [100, 250, 40]


def animation(image_format: str, mode: str = "RGB", **settings) -> bytes:
    shots = [Image.new(mode, (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    if mode == "RGBA":
        for x, shot in enumerate(shots):
            shot.paste((0, 0, 0, 0), (x * 16, 0, x * 16 + 16, 48))
    return saved(shots[0], image_format, save_all=True, append_images=shots[1:], duration=DURATIONS, **settings)


def frames_of(data: bytes) -> tuple[list[Image.Image], list[int]]:
    image = Image.open(BytesIO(data))
    shots, durations = [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        shots.append(image.convert("RGBA"))
        durations.append(round(image.info["duration"]))
    return shots, durations
