"""Results of a job whose chunks have as many rows as those of jobs that are made now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagemill.adapters.store import results
from imagemill.adapters.store.results import CurrentResults
from imagemill.domain.catalogue import inspection
from imagemill.domain.codes import ProductStatus
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductKey, ProductMessage, ProductResult, chunk_of
from imagemill.steps.ledger import Finished
from imagemill.steps.results import record_result

#: A product: job id, run, row.
Product = tuple[str, int, int]


def key_of(job_id: str, run: int, row: int) -> ProductKey:
    return ProductKey(job_id, run, chunk_of(row, inspection.CHUNK_ROWS), row)


def product_message(
    job_id: str, run: int, row: int, ledger_size: int, urls: tuple[str, ...], options: ImageOptions
) -> ProductMessage:
    return ProductMessage(*key_of(job_id, run, row), ledger_size, urls, options)


def finished(job_id: str, run: int, row: int, status: ProductStatus, ledger_size: int) -> Finished:
    return Finished(*key_of(job_id, run, row), status, ledger_size)


def put_result(job_id: str, run: int, result: ProductResult) -> ProductResult:
    return record_result(key_of(job_id, run, result.row), result)


def get_current_results(wanted: Iterable[Product]) -> CurrentResults:
    return results.get_current_results(key_of(*product) for product in wanted)


def get_results(wanted: Iterable[Product]) -> Mapping[Product, ProductResult]:
    found = results.get_results(key_of(*product) for product in wanted)
    return {(key.job_id, key.run, key.row): result for key, result in found.items()}
