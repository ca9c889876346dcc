"""Images that the codec's tests share."""

import pytest

from tests.support.image_files import photo, saved


@pytest.fixture(scope="session")
def fine_jpeg() -> bytes:
    return saved(photo(), "JPEG", quality=92)


@pytest.fixture(scope="session")
def clear_png() -> bytes:
    """A photograph with a transparent corner."""
    image = photo(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 80, 60))
    return saved(image, "PNG")


@pytest.fixture(scope="session")
def animated_gif() -> bytes:
    shots = [photo(80, 60).rotate(angle) for angle in (0, 90, 180)]
    return saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=100, loop=0)
