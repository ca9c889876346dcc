"""moto, mended for tests: a third of what a job takes in it saved, and a race of its own kept out.

Which names a member may have in moto's own objects follows from the member's shape and the object's type alone, but
moto asks six classes for each member each time, also for the nine of ten types that an attribute value has not. And it
loads its module of S3's URLs again for each call, in case that the environment has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from threading import RLock
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response


def hurry_moto() -> None:
    """Let moto work out once what a member may be called, and load its modules once.

    Objects that name aliases themselves are asked each time.
    """
    S3Backend._url_module = BaseBackend._url_module  # type: ignore[method-assign]
    work_out = XFormedAttributePicker.get_possible_keys
    known: dict[object, list[str]] = {}

    @wraps(work_out)
    def possible_keys(self: XFormedAttributePicker, context: AttributePickerContext) -> Iterable[str]:
        if hasattr(context.obj, "Meta"):
            return work_out(self, context)
        member = (type(context.obj), context.shape, context.key)
        if member not in known:
            known[member] = [*work_out(self, context)]
        return known[member]

    XFormedAttributePicker.get_possible_keys = possible_keys  # type: ignore[method-assign,assignment]


def let_calls_of_objects_wait_for_each_other() -> None:
    """Of two PUTs of one key at once, moto closes the body of the first while an answer is still being made of it."""
    respond, one_at_a_time = S3Response._key_response, RLock()

    @wraps(respond)
    def responding(self: S3Response, *args: Any, **kwargs: Any) -> Any:
        with one_at_a_time:
            return respond(self, *args, **kwargs)

    S3Response._key_response = responding  # type: ignore[method-assign]
