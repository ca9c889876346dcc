"""Structural faults of a CSV, as the reason why it is refused whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.codes import FileCode
from imagemill.errors import CatalogueRefusedError, MalformedCsvError, NotTextError


@contextmanager
def structural_faults() -> Iterator[None]:
    """Raises CatalogueRefusedError for what the readers of bytes, lines and records cannot read."""
    try:
        yield
    except NotTextError as fault:
        raise CatalogueRefusedError(Fault(FileCode.NOT_TEXT, str(fault))) from None
    except MalformedCsvError as fault:
        raise CatalogueRefusedError(
            Fault(
                FileCode.MALFORMED_CSV,
                f"The record that begins on line {fault.line} cannot be read: {fault}. {fault.way_out}",
                line=fault.line,
            )
        ) from None
