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
from tests.support.job_simulation import GONE, GOOD, JobSimulation, Sent, job_simulator

#: Interleavings tried of each race, each in another order of the two sides' AWS calls.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "50"))
#: Calls that one side makes, at most, before the other has its turn.
LONGEST_BURST = 12


@pytest.fixture
def simulate(aws, caller, monkeypatch):
    return job_simulator(aws, caller, monkeypatch)


def race(simulation: JobSimulation, seed: int, *sides: Callable[[], None]) -> None:
    chance = random.Random(seed)
    bursts = [[chance.randrange(len(sides))] * chance.randint(1, LONGEST_BURST) for _ in range(30)]
    interleaving = Interleaving(sides)
    with simulation.aws.watched(interleaving):
        interleaving.play([turn for burst in bursts for turn in burst])


def answer_of(call: Callable[..., object], simulation: JobSimulation) -> str:
    """What a caller is told."""
    try:
        call(jobs.owned_job(simulation.job_id, TENANT))
    except ProblemError as problem:
        return problem.code
    return "ACCEPTED"


def answers_to(call: Callable[..., object], simulation: JobSimulation, answers: list[str]) -> None:
    answers.append(answer_of(call, simulation))


def test_a_cancellation_against_the_end_of_the_job_is_kept_or_refused(simulate, record_property):
    """A run's last product and its report, against the call: 202 and CANCELLED, or 409 and COMPLETED."""
    outcomes: Counter[tuple[str, str, int]] = Counter()

    for seed in range(ROUNDS):
        simulation = simulate([1, 1]).started()
        answers: list[str] = []

        def work(simulation: JobSimulation = simulation) -> None:
            simulation.process(list(simulation.products_queue))
            for run in simulation.to_report():
                simulation.report(run)

        race(simulation, seed, work, partial(answers_to, runs.cancel, simulation, answers))
        simulation.settle()
        job = simulation.job
        assert job.counts
        outcomes[answers[0], job.status.value, job.counts.cancelled] += 1

    record_property(FIGURES, f"{ROUNDS} cancellations against the end: {dict(outcomes)}")
    assert {(answer, status) for answer, status, _ in outcomes} == {
        ("ACCEPTED", "CANCELLED"),
        ("JOB_ALREADY_ENDED", "COMPLETED"),
    }


def test_of_two_retries_at_once_one_new_run_comes(simulate, record_property):
    outcomes: Counter[tuple[str, ...]] = Counter()

    for seed in range(ROUNDS):
        simulation = simulate([1, 2], GONE).started()
        simulation.settle()
        simulation.origin = dict.fromkeys(simulation.origin, GOOD)
        answers: list[str] = []

        call = partial(answers_to, runs.retry, simulation, answers)
        race(simulation, seed, call, call)
        simulation.collect()
        simulation.settle()
        assert (simulation.job.status, simulation.job.run) == (JobStatus.COMPLETED, 2)
        assert simulation.to_report() == {1, 2}
        outcomes[tuple(sorted(answers))] += 1

    record_property(FIGURES, f"{ROUNDS} pairs of retries: {dict(outcomes)}")
    assert all("ACCEPTED" in answers for answers in outcomes)


def test_a_worker_of_the_ended_run_does_not_disturb_the_next(simulate, record_property):
    """One product's message is delivered twice; one worker goes all the way to the end of a retry."""
    outcomes: Counter[str] = Counter()

    for seed in range(ROUNDS):
        simulation = simulate([1, 1], GONE).started()
        simulation.is_strict = False
        late = Sent(simulation.products_queue[0].body)
        simulation.products_queue.append(late)

        def whole_life(simulation: JobSimulation = simulation, late: Sent = late) -> None:
            simulation.process([sent for sent in simulation.products_queue if sent is not late])
            if simulation.to_report():
                simulation.report(1)
                simulation.origin = dict.fromkeys(simulation.origin, GOOD)
                answer_of(runs.retry, simulation)
                simulation.collect()
                simulation.started()
                simulation.process([sent for sent in simulation.products_queue if sent is not late])

        race(simulation, seed, whole_life, partial(simulation.process, [late]))
        simulation.settle()
        outcomes[f"run {simulation.job.run} {simulation.job.status.value}"] += 1

    record_property(FIGURES, f"{ROUNDS} late workers: {dict(outcomes)}")
    assert outcomes["run 2 COMPLETED"] == ROUNDS


def test_a_cancellation_against_the_start_of_a_retry_is_of_one_run_or_the_other(simulate, record_property):
    outcomes: Counter[tuple[str, str, int]] = Counter()

    for seed in range(ROUNDS):
        simulation = simulate([1, 1], GONE).started()
        simulation.settle()
        simulation.origin = dict.fromkeys(simulation.origin, GOOD)
        answers: list[str] = []

        def whole_retry(simulation: JobSimulation = simulation) -> None:
            answer_of(runs.retry, simulation)
            simulation.collect()
            simulation.started()
            simulation.process(list(simulation.products_queue))

        race(simulation, seed, whole_retry, partial(answers_to, runs.cancel, simulation, answers))
        simulation.settle()
        outcomes[answers[0], simulation.job.status.value, simulation.job.run] += 1

    record_property(FIGURES, f"{ROUNDS} cancellations against a retry: {dict(outcomes)}")
    assert set(outcomes) == {("ACCEPTED", "CANCELLED", 2), ("JOB_ALREADY_ENDED", "COMPLETED", 2)}
