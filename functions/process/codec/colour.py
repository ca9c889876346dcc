"""Colour: profiles, bit depth, transparency. What is stored looks as the source looked."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms, ImagePalette

from .icc import SRGB_CHROMATICITIES, rgb_profile, says_srgb, srgb_of_linear

#: Greater depths than eight bits; where a format cannot hold them they are scaled, never clipped.
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
#: Largest value of 16 bits; also the last index of the tables that Pillow applies to mode I.
_WHITE_16 = 65_535
#: 65,535 / 255: so that white stays white and black stays black.
_TO_EIGHT_BITS = [(value + 128) // 257 for value in range(_WHITE_16 + 1)]

#: Places in an ICC header (ICC.1:2022, 7.2): its length, colour space of the data, the signature of every profile.
_LENGTH_FIELD, _SPACE_FIELD, _SIGNATURE_FIELD = slice(4), slice(16, 20), slice(36, 40)
#: Colour space of a profile that describes each mode.
_PROFILE_SPACES = {
    "1": b"GRAY",
    "L": b"GRAY",
    "LA": b"GRAY",
    "I;16": b"GRAY",
    "P": b"RGB ",
    "RGB": b"RGB ",
    "RGBA": b"RGB ",
    "CMYK": b"CMYK",
}


def is_opaque(image: Image.Image) -> bool:
    """Whether no pixel shows what lies behind: an alpha channel that is full everywhere counts as opaque."""
    if not image.has_transparency_data:
        return True
    if image.mode in _DEEP_MODES:
        return _eight_bit(image).mode == "L"
    if image.mode == "P":
        return _is_opaque_palette(image)
    with_alpha = image if image.mode in _ALPHA_MODES else image.convert("RGBA")
    return with_alpha.getchannel("A").getextrema() == (255, 255)


def _is_opaque_palette(image: Image.Image) -> bool:
    """Looked up, not converted: Pillow 13's conversion to RGBA leaves the image with a palette that is mislabelled."""
    transparent = image.info.get("transparency")
    used = image.histogram()
    if isinstance(transparent, int):
        return not used[transparent]
    if isinstance(transparent, bytes):
        return not any(used[index] and alpha < 255 for index, alpha in enumerate(transparent[:256]))
    return unchanged(image).convert("RGBA").getchannel("A").getextrema() == (255, 255)


def unchanged(image: Image.Image) -> Image.Image:
    """What may be converted to RGBA without the image itself becoming another.

    Pillow 13 writes the transparency of a palette into the image that is converted, and labels it RGB still:
    saved afterwards, it has the colours of other entries.
    """
    return image.copy() if image.mode == "P" and "transparency" in image.info else image


def native_deep(image: Image.Image, bits: int) -> Image.Image:
    """Grey of `bits` bits in I;16, which other orders of bytes cannot be worked with in; anything else as it is."""
    if image.mode in {"I;16B", "I;16L", "I;16N"}:
        image = image.convert("I").convert("I;16")
    if image.mode == "I;16" and bits < 16:
        white = (1 << bits) - 1
        image = image.point(lambda value: value * (_WHITE_16 / white) + 0)
    return image


def inverted_deep(image: Image.Image) -> Image.Image:
    """Grey of 16 bits the other way round; other modes, which Pillow inverts itself, as they are."""
    return image.point(lambda value: value * -1 + _WHITE_16) if image.mode == "I;16" else image


def merged_key(upper: Image.Image, lower: Image.Image, key: Sequence[int]) -> Image.Image:
    """RGBA of the upper bytes of RGB, clear where upper and lower bytes are those of `key`."""
    clear = Image.new("L", upper.size, 255)
    for image, shift in ((upper, 8), (lower, 0)):
        for channel, value in zip(image.split(), key, strict=True):
            wanted = (value >> shift) & 255
            clear = ImageChops.darker(clear, channel.point([255 if byte == wanted else 0 for byte in range(256)]))
    merged = upper.copy()
    merged.info.pop("transparency", None)
    merged.putalpha(ImageChops.invert(clear))
    return merged


def from_gamma(image: Image.Image, gamma: float, chromaticities: Sequence[float] | None) -> Image.Image:
    """sRGB, or grey of its curve, of values whose light is value ** gamma, of primaries other than sRGB's if given.

    What browsers do with a PNG's gAMA and cHRM, and Pillow does not.
    """
    if "transparency" in image.info and image.mode in {"L", "RGB"}:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    if image.mode == "P":
        return _palette_from_gamma(image, gamma, chromaticities)
    if image.mode in _DEEP_MODES:
        return _eight_bit(image, gamma)
    if chromaticities and image.mode in {"RGB", "RGBA"}:
        profile = ImageCms.ImageCmsProfile(BytesIO(rgb_profile(chromaticities or SRGB_CHROMATICITIES, gamma)))
        shown = _transformed(image.convert("RGB"), profile)
        if image.mode == "RGBA":
            shown.putalpha(image.getchannel("A"))
        return shown
    table = _gamma_table(gamma, 255)
    bands = image.getbands()
    tables = [value for band in bands for value in (range(256) if band == "A" else table)]
    return image if image.mode == "1" else image.point(tables)


def _palette_from_gamma(image: Image.Image, gamma: float, chromaticities: Sequence[float] | None) -> Image.Image:
    colours = image.getpalette("RGB") or []
    row = Image.frombytes("RGB", (len(colours) // 3, 1), bytes(colours))
    shown = image.copy()
    shown.palette = ImagePalette.ImagePalette("RGB", from_gamma(row, gamma, chromaticities).tobytes())
    shown.im.putpalette("RGB", "RGB", shown.palette.palette)
    shown.info = dict(image.info)
    return shown


@lru_cache(maxsize=8)
def _gamma_table(gamma: float, white: int) -> tuple[int, ...]:
    return tuple(round(255 * srgb_of_linear((value / white) ** gamma)) for value in range(white + 1))


def convert(
    image: Image.Image, profile: bytes | None, modes: Container[str], *, opaque: bool
) -> tuple[Image.Image, bytes | None]:
    """The image in one of `modes`, with the ICC profile that still describes it, or None for sRGB.

    Transparency goes onto white where no mode has an alpha channel. CMYK, and grey that has to become RGB,
    go through their profile into sRGB, without one as Pillow converts them. A profile that says sRGB is
    none. Returns `image` itself where nothing has to change.

    modes: Pillow modes that the output format can hold, "L" or "RGB" among them. opaque: see `is_opaque`.
    """
    keeps_mode = image.mode in modes and not (opaque and image.mode in _ALPHA_MODES)
    keeps_transparency = "transparency" not in image.info or "P" in modes
    if not (keeps_mode and keeps_transparency):
        image, profile = _into(image, profile, modes, opaque=opaque)
    if profile is None or not _describes(profile, image.mode) or says_srgb(profile):
        return image, None
    # Some are padded, by megabytes.
    return image, profile[: int.from_bytes(profile[_LENGTH_FIELD], "big") or None]


def _into(
    image: Image.Image, profile: bytes | None, modes: Container[str], *, opaque: bool
) -> tuple[Image.Image, bytes | None]:
    if image.mode in _DEEP_MODES:
        image = _eight_bit(image)
    elif image.mode == "CMYK":
        return _to_srgb(image, profile), None
    is_grey = image.mode in {"1", "L", "LA", "La"}
    if is_grey and "L" not in modes and _describes(profile, "L"):
        alpha = None if opaque else image.convert("LA").getchannel("A")
        image = _to_srgb(image.convert("L"), profile)
        if alpha is not None:
            image.putalpha(alpha)
        return image, None
    colours = "L" if is_grey and "L" in modes else "RGB"
    with_alpha = "LA" if colours == "L" and "LA" in modes else "RGBA"
    if opaque:
        # By way of RGBA: Pillow warns when a palette's transparency is dropped unseen.
        return (unchanged(image).convert("RGBA") if "transparency" in image.info else image).convert(colours), profile
    if "RGBA" in modes:
        return unchanged(image).convert(with_alpha), profile
    return _on_white(unchanged(image).convert("LA" if colours == "L" else "RGBA"), colours), profile


def _on_white(image: Image.Image, colours: str) -> Image.Image:
    flat = Image.new(colours, image.size, "white")
    flat.paste(image if colours == "RGB" else image.getchannel("L"), mask=image.getchannel("A"))
    return flat


def _eight_bit(image: Image.Image, gamma: float | None = None) -> Image.Image:
    """Grey of more than eight bits as L, or as LA where one value of it is declared transparent.

    I;16 ranges to 65,535. I and F have no nominal range: the narrowest of 1 (F), 255 (F), 65,535 and their
    own largest value that holds them all becomes white; what is negative becomes black.
    """
    white = _white_level(image)
    if white != _WHITE_16:
        return image.convert("F").point(lambda value: value * (255 / white)).convert("L")
    numbers = image.convert("I")
    grey = numbers.point(list(_gamma_table(gamma, _WHITE_16)) if gamma else _TO_EIGHT_BITS, "L")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and 0 <= transparent <= _WHITE_16:
        alpha = [255] * (_WHITE_16 + 1)
        alpha[transparent] = 0
        grey.putalpha(numbers.point(alpha, "L"))
    grey.info.pop("transparency", None)
    return grey


def _white_level(image: Image.Image) -> float:
    if image.mode not in {"I", "F"}:
        return _WHITE_16
    brightest = image.getextrema()[1]
    if not isinstance(brightest, (int, float)):
        raise TypeError("one channel was expected")
    levels = (1, 255, _WHITE_16) if image.mode == "F" else (_WHITE_16,)
    return next((level for level in levels if brightest <= level), brightest)


def _describes(profile: bytes | None, mode: str) -> bool:
    return (
        profile is not None
        and profile[_SIGNATURE_FIELD] == b"acsp"
        and profile[_SPACE_FIELD] == _PROFILE_SPACES.get(mode)
    )


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB through the profile where it fits the image and can be read; else Pillow's plain conversion."""
    if profile is not None and _describes(profile, image.mode):
        try:
            return _transformed(image, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            # A profile with a sound header and a damaged body: no colour is known better than the plain one.
            pass
    return image.convert("RGB")


def _transformed(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("no image came back from the colour transform")
    return converted
