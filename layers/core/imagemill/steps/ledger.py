"""The accounting that ends a job: once, however often and in whatever order its products are reported.

Products are finished in this order, and the SQS message is deleted only afterwards:
1. the product's terminal result is written, if it has none yet;
2. its row is added to its chunk's ledger;
3. a chunk whose ledger is full is added to the run;
4. a run whose chunks are all done is reported: a message asks for it, which may be sent twice.
A crash anywhere leaves the message, and its redelivery repeats what is missing. Whoever makes the
last addition sees it in the very answer to it, so no worker needs to look at another's work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from imagemill.adapters.aws.queues import ask_report
from imagemill.adapters.store.ledger import add_rows
from imagemill.adapters.store.runs import close_chunk
from imagemill.domain.codes import ProductStatus
from imagemill.domain.product import ProductMessage, ProductResult
from imagemill.domain.report_request import ReportRequest


@dataclass(frozen=True, slots=True)
class Finished:
    """A product whose terminal result stands. ledger_size: rows of its chunk that take part in the run."""

    job_id: str
    run: int
    chunk: int
    row: int
    status: ProductStatus
    ledger_size: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    job_id: str
    run: int
    number: int
    size: int


def finish(products: Iterable[Finished]) -> None:
    """Enter finished products in the ledger, and end each run whose last products these were.

    One ledger update a chunk, whatever the number of products. Safe to repeat: rows and chunks are
    set members, and a run is reported once, however often that is asked for.
    """
    for chunk, rows in _by_chunk(products).items():
        counts = add_rows(chunk.job_id, chunk.run, chunk.number, rows)
        if counts.ended == chunk.size and close_chunk(chunk.job_id, chunk.run, chunk.number, counts).is_full:
            ask_report(ReportRequest(chunk.job_id, chunk.run))


def finish_products(products: Iterable[tuple[ProductMessage, ProductResult]]) -> None:
    """Enter what stands of products in the ledgers of their messages' runs.

    But for those that a later run has taken up: the message came late, for its run has ended.
    """
    finish(
        Finished(*message.key, result.status, message.ledger_size)
        for message, result in products
        if result.run == message.run
    )


def _by_chunk(products: Iterable[Finished]) -> dict[_Chunk, dict[ProductStatus, set[int]]]:
    chunks: dict[_Chunk, dict[ProductStatus, set[int]]] = defaultdict(lambda: defaultdict(set))
    for product in products:
        chunk = _Chunk(product.job_id, product.run, product.chunk, product.ledger_size)
        chunks[chunk][product.status].add(product.row)
    return chunks
