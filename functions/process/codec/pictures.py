"""From a source to what an encoder takes: decoded, upright, scaled, and in colours that the format holds."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from imagemill.domain.options import ImageOptions, Metadata

from .colour import convert, from_gamma, is_opaque
from .decode import Source, frames
from .encode import INDEXED_MODES, MODES, Picture
from .formats import ImageFormat
from .graphics import indexed, sharing_a_palette
from .metadata import NO_TAGS, Tags, tags_to_keep
from .vips import LEAST_PIXELS, REDUCING_GAP, scaled

#: Modes that libvips scales in a third of Pillow's time (grey it does not), and as what: transparent pixels must not
#: colour the others.
_SCALED_BY_VIPS: Mapping[str, str] = MappingProxyType({"RGB": "RGB", "RGBA": "RGBa"})
#: Colours of a palette.
MOST_COLOURS = 256
#: Formats of which a scaled picture keeps to a palette when its source had one.
INDEXED_FORMATS = frozenset({ImageFormat.PNG, ImageFormat.GIF, ImageFormat.TIFF, ImageFormat.BMP})


@dataclass(frozen=True, slots=True)
class Size:
    """Of the upright output, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Painter:
    """Makes pictures of one source. profile and tags: as the source has them."""

    source: Source
    size: Size
    profile: bytes | None
    tags: Tags

    @classmethod
    def of(cls, source: Source, size: Size, options: ImageOptions) -> Painter:
        """`source` with its pixels loaded, or an animation."""
        keeps_tags = options.metadata is Metadata.KEEP
        tags = tags_to_keep(source.image, size.width, size.height) if keeps_tags else NO_TAGS
        return cls(source, size, source.profile, tags)

    def still(self, pixels: Image.Image, image_format: ImageFormat, *, opaque: bool) -> Picture:
        """One picture of decoded, upright `pixels`."""
        is_scaled = pixels.size != (self.size.width, self.size.height)
        modes = MODES[image_format]
        has_palette = pixels.mode == "P" and is_scaled and image_format in INDEXED_FORMATS
        if is_scaled:
            modes -= INDEXED_MODES
        coloured, profile = self._coloured(pixels, modes, opaque=opaque)
        painted = self._detached(self._resized(coloured))
        if has_palette and image_format is ImageFormat.GIF:
            [painted] = sharing_a_palette((painted,), MOST_COLOURS)
        elif has_palette:
            painted = indexed(painted, MOST_COLOURS)
        return Picture((painted,), profile=profile, tags=self.tags)

    def rough(self, pixels: Image.Image, image_format: ImageFormat, *, opaque: bool) -> Picture:
        """What was drawn, scaled by taking the nearest pixel, which keeps its colours, and their number."""
        nearest = pixels.resize((self.size.width, self.size.height), Image.Resampling.NEAREST)
        nearest.info = dict(pixels.info)
        return self.still(nearest, image_format, opaque=opaque)

    def animation(self, image_format: ImageFormat, *, is_rough: bool = False) -> Picture:
        """All frames. is_rough: see `rough`. Raises ImageError, and whatever Pillow raises on a damaged file."""
        shots: list[tuple[Image.Image, int]] = []
        profile = self.profile
        for frame in frames(self.source):
            opaque = is_opaque(frame.image)
            pixels, profile = self._coloured(frame.image, {"RGB", "RGBA"}, opaque=opaque)
            if is_rough:
                pixels = pixels.resize((self.size.width, self.size.height), Image.Resampling.NEAREST)
            pixels = self._resized(pixels)
            pixels.info = {}
            shots.append((pixels, frame.milliseconds))
        mode = "RGBA" if any(pixels.mode == "RGBA" for pixels, _ in shots) else "RGB"
        painted = tuple(pixels if pixels.mode == mode else pixels.convert(mode) for pixels, _ in shots)
        if image_format is ImageFormat.GIF:
            painted = sharing_a_palette(painted, MOST_COLOURS)
        milliseconds = tuple(milliseconds for _, milliseconds in shots)
        return Picture(painted, milliseconds, self.source.plays, profile, self.tags)

    def _coloured(
        self, pixels: Image.Image, modes: Container[str], *, opaque: bool
    ) -> tuple[Image.Image, bytes | None]:
        profile, png = self.profile, self.source.png
        if png and png.gamma:
            if opaque and pixels.mode == "I;16" and pixels.mode in modes:
                # Sixteen bits cannot be mapped here without losing eight: the profile says it instead.
                profile = png.gamma_profile(pixels.mode)
            else:
                pixels = from_gamma(pixels, png.gamma, png.chromaticities)
        return convert(pixels, profile, modes, opaque=opaque)

    def _resized(self, image: Image.Image) -> Image.Image:
        size = (self.size.width, self.size.height)
        if image.size == size:
            return image
        if image.mode in _SCALED_BY_VIPS and image.width * image.height >= LEAST_PIXELS:
            mode = _SCALED_BY_VIPS[image.mode]
            made = scaled(image if image.mode == mode else image.convert(mode), size)
            if made:
                return made if mode == image.mode else made.convert(image.mode)
        # Pillow 13 reduces no grey of sixteen bits.
        gap = None if image.mode == "I;16" else REDUCING_GAP
        return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=gap)

    def _detached(self, pixels: Image.Image) -> Image.Image:
        """The pixels without what else the source said: writers of JPEG, PNG and TIFF would copy some of it."""
        if pixels is self.source.image and self.source.format is ImageFormat.TIFF:
            pixels = pixels.copy()
        transparency = pixels.info.get("transparency")
        pixels.info = {} if transparency is None else {"transparency": transparency}
        return pixels
