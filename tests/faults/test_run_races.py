"""Cancel and retry against the worker or the report that ends the run at the same moment."""

import os
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from api import jobs, runs
from api.problems import ProblemError
from imagemill.domain.codes import JobStatus
from tests.conftest import FIGURES
from tests.support.account import TENANT
from tests.support.interleaving import Interleaving
from tests.support.job_world import GONE, GOOD, Sent, World, world_maker

#: Interleavings tried of each race, each in another order of the two sides' AWS calls.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "50"))
#: Calls that one side makes, at most, before the other has its turn.
LONGEST_BURST = 12


@pytest.fixture
def worlds(aws, caller, monkeypatch):
    return world_maker(aws, caller, monkeypatch)


def race(world: World, seed: int, *sides: Callable[[], None]) -> None:
    chance = random.Random(seed)
    bursts = [[chance.randrange(len(sides))] * chance.randint(1, LONGEST_BURST) for _ in range(30)]
    interleaving = Interleaving(sides)
    with world.aws.watched(interleaving):
        interleaving.play([turn for burst in bursts for turn in burst])


def answer_of(call: Callable[..., object], world: World) -> str:
    """What a caller is told."""
    try:
        call(jobs.owned_job(world.job_id, TENANT))
    except ProblemError as problem:
        return problem.code
    return "ACCEPTED"


def answers_to(call: Callable[..., object], world: World, answers: list[str]) -> None:
    answers.append(answer_of(call, world))


def test_a_cancellation_against_the_end_of_the_job_is_kept_or_refused(worlds, record_property):
    """A run's last product and its report, against the call: 202 and CANCELLED, or 409 and COMPLETED."""
    outcomes: Counter[tuple[str, str, int]] = Counter()

    for seed in range(ROUNDS):
        world = worlds([1, 1]).started()
        answers: list[str] = []

        def work(world: World = world) -> None:
            world.process(list(world.products_queue))
            for run in world.executions():
                world.report(run)

        race(world, seed, work, partial(answers_to, runs.cancel, world, answers))
        world.settle()
        job = world.job
        assert job.counts
        outcomes[answers[0], job.status.value, job.counts.cancelled] += 1

    record_property(FIGURES, f"{ROUNDS} cancellations against the end: {dict(outcomes)}")
    assert {(answer, status) for answer, status, _ in outcomes} == {
        ("ACCEPTED", "CANCELLED"),
        ("JOB_ALREADY_ENDED", "COMPLETED"),
    }


def test_of_two_retries_at_once_one_new_run_comes(worlds, record_property):
    outcomes: Counter[tuple[str, ...]] = Counter()

    for seed in range(ROUNDS):
        world = worlds([1, 2], GONE).started()
        world.settle()
        world.origin = dict.fromkeys(world.origin, GOOD)
        answers: list[str] = []

        call = partial(answers_to, runs.retry, world, answers)
        race(world, seed, call, call)
        world.collect()
        world.settle()
        assert (world.job.status, world.job.run) == (JobStatus.COMPLETED, 2)
        assert world.executions() == {1, 2}
        outcomes[tuple(sorted(answers))] += 1

    record_property(FIGURES, f"{ROUNDS} pairs of retries: {dict(outcomes)}")
    assert all("ACCEPTED" in answers for answers in outcomes)


def test_a_worker_of_the_ended_run_does_not_disturb_the_next(worlds, record_property):
    """One product's message is delivered twice; one worker goes all the way to the end of a retry."""
    outcomes: Counter[str] = Counter()

    for seed in range(ROUNDS):
        world = worlds([1, 1], GONE).started()
        world.is_strict = False
        late = Sent(world.products_queue[0].body)
        world.products_queue.append(late)

        def whole_life(world: World = world, late: Sent = late) -> None:
            world.process([sent for sent in world.products_queue if sent is not late])
            if world.executions():
                world.report(1)
                world.origin = dict.fromkeys(world.origin, GOOD)
                answer_of(runs.retry, world)
                world.collect()
                world.started()
                world.process([sent for sent in world.products_queue if sent is not late])

        race(world, seed, whole_life, partial(world.process, [late]))
        world.settle()
        outcomes[f"run {world.job.run} {world.job.status.value}"] += 1

    record_property(FIGURES, f"{ROUNDS} late workers: {dict(outcomes)}")
    assert outcomes["run 2 COMPLETED"] == ROUNDS


def test_a_cancellation_against_the_start_of_a_retry_is_of_one_run_or_the_other(worlds, record_property):
    outcomes: Counter[tuple[str, str, int]] = Counter()

    for seed in range(ROUNDS):
        world = worlds([1, 1], GONE).started()
        world.settle()
        world.origin = dict.fromkeys(world.origin, GOOD)
        answers: list[str] = []

        def whole_retry(world: World = world) -> None:
            answer_of(runs.retry, world)
            world.collect()
            world.started()
            world.process(list(world.products_queue))

        race(world, seed, whole_retry, partial(answers_to, runs.cancel, world, answers))
        world.settle()
        outcomes[answers[0], world.job.status.value, world.job.run] += 1

    record_property(FIGURES, f"{ROUNDS} cancellations against a retry: {dict(outcomes)}")
    assert set(outcomes) == {("ACCEPTED", "CANCELLED", 2), ("JOB_ALREADY_ENDED", "COMPLETED", 2)}
