"""moto, without what it works out anew for every member of every item that it answers with.

Which names a member may have in moto's own objects follows from the member's shape and the object's type alone, but
moto 5.2 asks six classes for each member each time, also for the nine of ten types that an attribute value has not:
a third of what a job in moto takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps

from moto.core.serialize import AttributePickerContext, XFormedAttributePicker


def remember_possible_keys() -> None:
    """Let moto work out once what a member may be called. Objects that name aliases themselves are asked each time."""
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
