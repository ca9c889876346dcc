"""What fuzzing begins with, and what it has found, is tried on every run of the tests."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
SEEDS = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.parent.name}/{seed.name}")
def test_a_seed_keeps_every_promise(seed: Path):
    TARGETS[seed.parent.name](seed.read_bytes())


def test_each_target_has_seeds():
    assert {seed.parent.name for seed in SEEDS} == set(TARGETS)
