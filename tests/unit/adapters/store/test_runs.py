"""What is kept of a run beside its ledger."""

from imagemill.adapters.store.runs import get_retryable, note_retryable
from imagemill.domain.job import ProductCounts
from imagemill.domain.retryable import Retryable
from tests.support.account import JOB_ID


def test_what_can_be_retried_is_kept_with_the_run(aws):
    kept = Retryable((0, 4999), ProductCounts(failed=3, cancelled=1))
    note_retryable(JOB_ID, 1, kept)

    assert get_retryable(JOB_ID, 1) == kept
    assert get_retryable(JOB_ID, 2) == Retryable()
