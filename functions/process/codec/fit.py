"""What is only scaled down becomes no larger than its source: coarser, until it is not (contract A3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageChops, ImageStat

from imagemill.domain.options import ImageOptions

from .colour import unchanged
from .encode import Picture, encode
from .formats import ImageFormat
from .gif_packing import packed_gif
from .graphics import indexed, sharing_a_palette

#: Each further try of a lossy format has this share of the quality before; AVIF, slow as it is, takes larger steps.
_STEP, _AVIF_STEP = 0.75, 0.4
_TRIES = 10
#: Low bits of each channel that are rounded away: what a photograph without loss spends most of its bytes on.
_ROUNDED_BITS = (1, 2, 3)
#: Colours of a palette that is tried after another that was too large.
_COLOURS = (256, 128, 64, 32, 16, 8, 4, 2)
#: Pixels of a tile's side, where fewer colours are not enough.
_TILES = (2, 3, 4, 6, 8, 12, 16, 32, 64, 128)
#: Mean difference of a channel, of 255, by which a picture may become paler.
_MOST_DIFFERENCE = 16.0
#: Pixels of all frames up to which a GIF that is a little too large is packed, which takes 30 ms for so many. Of a
#: larger one it would save little.
_PACKED_PIXELS = 65_536
#: What each of an animation's formats can say of one frame's time; a GIF has 16 bits of hundredths of a second.
_LONGEST_MILLISECONDS = 655_000


def fitted(
    pictures: Sequence[tuple[Picture, ImageFormat, bool | None]],
    options: ImageOptions,
    limit: int,
    source_quality: int | None,
) -> tuple[bytes, ImageFormat]:
    """Ever coarser encodings of each picture, until one has `limit` bytes at most; of these that which looks best.

    If none has, the smallest. pictures: with the format, and whether it is to be without loss, as `encode` has it;
    the first one is what all should look like. source_quality: a JPEG need not be finer than its source was.
    """
    made: list[tuple[bytes, ImageFormat]] = []
    for picture, image_format, lossless in pictures:
        is_small = picture.size[0] * picture.size[1] * len(picture.frames) <= _PACKED_PIXELS
        for tried in _tries(_without_repeats(picture), image_format, options, source_quality, lossless=lossless):
            is_near = limit < len(tried) <= limit * 2
            encoded = packed_gif(tried) if is_near and image_format is ImageFormat.GIF and is_small else tried
            made.append((encoded, image_format))
            if len(encoded) <= limit:
                break
    fitting = [one for one in made if len(one[0]) <= limit]
    if len(fitting) > 1:
        aim = _seen(pictures[0][0].frames[0])
        return min(fitting, key=lambda one: _unlikeness(one, aim))
    return min(made, key=lambda one: len(one[0]))


def _without_repeats(picture: Picture) -> Picture:
    """Frames that show what the one before showed are shown with it."""
    if len(picture.frames) == 1:
        return picture
    frames, milliseconds = [picture.frames[0]], [picture.milliseconds[0]]
    for frame, duration in zip(picture.frames[1:], picture.milliseconds[1:], strict=True):
        if milliseconds[-1] + duration <= _LONGEST_MILLISECONDS and frame.tobytes() == frames[-1].tobytes():
            milliseconds[-1] += duration
        else:
            frames.append(frame)
            milliseconds.append(duration)
    return replace(picture, frames=tuple(frames), milliseconds=tuple(milliseconds) if len(frames) > 1 else ())


def _unlikeness(made: tuple[bytes, ImageFormat], aim: Image.Image) -> float:
    encoded, image_format = made
    with Image.open(BytesIO(encoded), formats=[image_format.pillow_name]) as image:
        difference = ImageChops.difference(_seen(image), aim)
    return sum(ImageStat.Stat(difference).sum2)


def _seen(image: Image.Image) -> Image.Image:
    """On white, at half the size: how the picture looks from where single pixels are no matter."""
    if image.mode == "I;16":
        image = image.convert("I").point([value >> 8 for value in range(65_536)], "L")
    plain = _plain(image).convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain).convert("RGB")
    return flat.reduce(2)


def _tries(
    picture: Picture,
    image_format: ImageFormat,
    options: ImageOptions,
    source_quality: int | None,
    *,
    lossless: bool | None,
) -> Iterator[bytes]:
    is_lossy = image_format in {ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF}
    if is_lossy and not lossless:
        yield from _coarser(picture, image_format, options, source_quality)
        yield from _tiled(picture, image_format, replace(options, quality=1), lossless=False)
        return
    yield encode(picture, image_format, options, lossless=lossless)
    if image_format is ImageFormat.TIFF and picture.frames[0].mode == "P":
        # The palette alone takes 1,536 bytes there.
        yield encode(replace(picture, frames=(_plain(picture.frames[0]),)), image_format, options)
    if image_format is ImageFormat.TIFF and picture.frames[0].mode in {"L", "RGB"}:
        yield from _coarser(picture, image_format, options, None)
    yield from _paler(picture, image_format, options, lossless=lossless)
    yield from _tiled(picture, image_format, options, lossless=lossless)


def _tiled(
    picture: Picture, image_format: ImageFormat, options: ImageOptions, *, lossless: bool | None
) -> Iterator[bytes]:
    """In squares of one of the picture's own colours, which take ever fewer bytes, in the end none."""
    for side in _TILES:
        frames = tuple(_in_tiles(frame, side) for frame in picture.frames)
        yield encode(replace(picture, frames=frames), image_format, options, lossless=lossless)


def _in_tiles(image: Image.Image, side: int) -> Image.Image:
    few = (-(-image.width // side), -(-image.height // side))
    tiled = image.resize(few, Image.Resampling.NEAREST).resize(image.size, Image.Resampling.NEAREST)
    tiled.info = dict(image.info)
    return tiled


def _coarser(
    picture: Picture, image_format: ImageFormat, options: ImageOptions, source_quality: int | None
) -> Iterator[bytes]:
    step = _AVIF_STEP if image_format is ImageFormat.AVIF else _STEP
    quality = float(min(options.quality, source_quality or options.quality))
    for _ in range(_TRIES):
        yield encode(picture, image_format, replace(options, quality=max(1, round(quality))), lossless=False)
        if quality <= 1:
            return
        quality *= step


def _paler(
    picture: Picture, image_format: ImageFormat, options: ImageOptions, *, lossless: bool | None
) -> Iterator[bytes]:
    """With fewer shades, then with ever fewer colours of a palette, as long as it looks about the same."""
    for frames in _paler_frames(picture.frames, image_format):
        if _difference(frames[0], picture.frames[0]) > _MOST_DIFFERENCE:
            return
        held = tuple(_plain(frame) for frame in frames) if image_format is ImageFormat.WEBP else frames
        yield encode(replace(picture, frames=held), image_format, options, lossless=lossless)
    if len(picture.frames) == 1 and image_format in {ImageFormat.TIFF, ImageFormat.BMP}:
        # These write two colours in a bit each only where they are black and white.
        bits = picture.frames[0].convert("L").convert("1", dither=Image.Dither.NONE)
        if _difference(bits, picture.frames[0]) <= _MOST_DIFFERENCE:
            yield encode(replace(picture, frames=(bits,)), image_format, options)


def _paler_frames(frames: tuple[Image.Image, ...], image_format: ImageFormat) -> Iterator[tuple[Image.Image, ...]]:
    if len(frames) > 1 or image_format is ImageFormat.GIF:
        plain = tuple(_plain(frame) for frame in frames)
        for colours in _COLOURS:
            yield sharing_a_palette(plain, colours)
        return
    [image] = frames
    if image.mode == "I;16":
        image = image.convert("I").point([value >> 8 for value in range(65_536)], "L")
        yield (image,)
    if image.mode in {"L", "LA", "RGB", "RGBA"}:
        for bits in _ROUNDED_BITS:
            yield (_rounded(image, bits),)
    for colours in _COLOURS:
        yield (indexed(image, colours),)


def _plain(image: Image.Image) -> Image.Image:
    """RGB or RGBA; the image itself where it is that."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else unchanged(image).convert(mode)


def _rounded(image: Image.Image, bits: int) -> Image.Image:
    step = 1 << bits
    return image.point([min(255, (value + step // 2) // step * step) for value in range(256)] * len(image.getbands()))


def _difference(one: Image.Image, other: Image.Image) -> float:
    if "I;16" in {one.mode, other.mode}:
        return 0.0
    return max(
        ImageStat.Stat(ImageChops.difference(*(unchanged(image).convert("RGBA") for image in (one, other)))).mean
    )
