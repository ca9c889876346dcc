"""Each of events/ in Lambda's runtime: its init, its Python, packages and read-only code as laid out there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import FIGURES
from tests.runtime.bench import Bench
from tests.runtime.runtime import MEMORY_MIB, MissingError, NoLinuxError, emulator_of_lambda, lay_out, python_version
from tests.runtime.seeds import EVENTS


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    try:
        emulator_of_lambda()
        lay_out()
    except NoLinuxError as nowhere:
        pytest.skip(str(nowhere))
    except MissingError as missing:
        pytest.fail(str(missing), pytrace=False)
    with Bench.open() as opened:
        yield opened


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_answered(bench: Bench, name: str, record_property: Callable[[str, object], None]) -> None:
    done = bench.run(name)

    if name.startswith("api_"):
        assert done.answer["statusCode"] < 300, done.answer["body"]
    else:
        assert not done.answer or "errorType" not in done.answer
        assert not done.answer or not done.answer.get("batchItemFailures")
    assert 20 < done.peak_mib < MEMORY_MIB
    record_property(FIGURES, f"{name}: {done.cold_ms:.0f} ms cold, {done.peak_mib:.0f} MiB, Python {python_version()}")
