"""The codec-only floor: what the worker and the job are measured against."""

from __future__ import annotations

from .child import Child, python_child, template_malloc
from .corpus import shop_images


def floor_child(threads: int) -> Child:
    """The codec alone on so many threads, with the process function's allocator settings.

    threads: one for each processing function, as each has one vCPU.
    """
    paths = [str(image.path) for image in shop_images()]
    return python_child("batch", "ours", str(threads), str(threads), *paths, environment=template_malloc())
