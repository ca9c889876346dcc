"""The short form of `make corpus`: files of every format made here, against what libvips makes of them."""

import pytest
from PIL import Image

from tests.corpus.comparison import Totals, outliers
from tests.support.image_files import cmyk_profile, corner_patch, photo, rgb_profile, saved

FILES: dict[str, bytes] = {
    **{
        f"{name} {mode}": saved(photo(mode=mode), name)
        for name, modes in {
            "JPEG": ("L", "RGB"),
            "PNG": ("L", "LA", "RGB", "RGBA"),
            "WEBP": ("RGB", "RGBA"),
            "AVIF": ("RGB", "RGBA"),
            "TIFF": ("L", "RGB", "RGBA"),
        }.items()
        for mode in modes
    },
    "progressive": saved(photo(), "JPEG", quality=90, progressive=True),
    "CMYK": saved(photo(mode="CMYK"), "JPEG", quality=90, icc_profile=cmyk_profile()),
    "Adobe RGB": saved(photo(), "JPEG", quality=90, icc_profile=rgb_profile()),
    "palette": saved(photo().quantize(64), "PNG"),
    "16 bits": saved(Image.linear_gradient("L").resize((300, 200)).convert("I;16").point(lambda v: v * 257 + 0), "PNG"),
    "GIF": saved(photo().quantize(64), "GIF"),
    "animation": saved(photo(), "GIF", save_all=True, append_images=[photo().rotate(90)], duration=90, loop=0),
    "comment": saved(photo(), "JPEG", comment=b"mine", quality=30),
    "drawing": saved(corner_patch((300, 200)), "PNG"),
}


@pytest.mark.parametrize("name", FILES)
def test_libvips_sees_the_same(name):
    totals = Totals()

    found = list(outliers(name, FILES[name], totals))

    assert found == []
    assert totals.compared > 3
