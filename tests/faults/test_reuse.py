"""Whatever happens: the URL of a completed image answers with the bytes of its SHA-256, as long as its job is kept."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from imagemill.adapters.store.items import SECONDS_A_DAY
from imagemill.domain.codes import ImageStatus
from imagemill.kept import forget
from tests.conftest import FIGURES
from tests.support.image_files import photo, saved
from tests.support.interleaving import Interleaving
from tests.support.nightly_shop import (
    DATE,
    NOTHING,
    TAG,
    WEAK_TAG,
    NightlyShop,
    in_one_thread,
    with_clocks_of_their_own,
)

RETENTION_DAYS = 90
#: More points than the work on a product of these tests has, before and after its AWS calls.
LAST_POINT = 24
NAMES = ("front", "back")
#: Between two jobs: a few nights, and times after which objects would not outlive a new job, or are gone.
DAYS = st.sampled_from([0, 1, 10, 60, 80, 100])
#: By how much a worker's clock is wrong, in seconds: not at all, as NTP leaves it, by an hour of daylight saving, by
#: more than the days for which an object outlives its jobs anyway.
SKEWS = st.sampled_from([0.0, 0.0, 2.0, -3_600.0, 30 * 86_400.0, -30 * 86_400.0])
EXAMPLES = settings(
    max_examples=int(os.environ.get("REUSE_EXAMPLES", "6")),
    stateful_step_count=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [saved(photo(40 + 8 * number, 32), "JPEG", quality=95) for number in range(3)]


@pytest.fixture
def kept_for(monkeypatch) -> Callable[[int], None]:
    """Lets the stack keep images for so many days, and process functions work in their caller's thread."""

    def keep(image_days: int) -> None:
        monkeypatch.setenv("RETENTION_DAYS", str(RETENTION_DAYS))
        monkeypatch.setenv("IMAGE_RETENTION_DAYS", str(image_days))
        forget()
        in_one_thread(monkeypatch)
        with_clocks_of_their_own(monkeypatch)

    return keep


@pytest.mark.parametrize("image_days", [RETENTION_DAYS, 2 * RETENTION_DAYS, 0])
def test_a_completed_image_is_there_as_long_as_its_job(aws, web, pictures, kept_for, record_property, image_days):
    kept_for(image_days)
    happened: Counter[str] = Counter()

    class Nights(RuleBasedStateMachine):
        @initialize(told_by=st.lists(st.sampled_from([TAG, WEAK_TAG, DATE, NOTHING]), min_size=2, max_size=2))
        def open(self, told_by: list[str]) -> None:
            self.shop = NightlyShop(aws, web, pictures)
            self.urls = tuple(map(self.shop.show, NAMES, told_by))

        @rule(
            days=DAYS,
            days_ago=st.integers(0, RETENTION_DAYS - 1),
            reuse=st.sampled_from([True, True, True, False]),
            crash=st.one_of(st.just(0), st.integers(1, LAST_POINT)),
            changed=st.sets(st.sampled_from(NAMES)),
            gone=st.sampled_from([None, NightlyShop.remove_object, NightlyShop.remove_source]),
            skews=st.tuples(SKEWS, SKEWS),
        )
        def night(
            self,
            *,
            days: int,
            days_ago: int,
            reuse: bool,
            crash: int,
            changed: set[str],
            gone: Callable[[NightlyShop], None] | None,
            skews: tuple[float, float],
        ) -> None:
            """A job whose worker may die and be followed by another, and whose pictures may change in between.

            gone: what somebody has removed before. skews: of the two workers' clocks.
            """
            self.shop.let_pass(days)
            if gone:
                gone(self.shop)
            job = self.shop.hand_in((*self.urls, self.urls[0]), reuse=reuse, days_ago=days_ago)
            with self.shop.dying_at(crash):
                self.shop.work(job, skews[0])
            for name in changed:
                self.shop.change(name)
            self.shop.work(job, skews[1])
            happened.update({"days": days, "jobs": 1, "deaths": bool(crash), "wrong clocks": sum(map(bool, skews))})

        @rule(
            days=DAYS,
            turns=st.lists(st.integers(0, 1), max_size=30),
            days_ago=st.integers(0, RETENTION_DAYS - 1),
            answers=st.integers(0, 3),
            skews=st.tuples(SKEWS, SKEWS),
        )
        def two_jobs_at_once(
            self, days: int, turns: list[int], days_ago: int, answers: int, skews: tuple[float, float]
        ) -> None:
            """Over the same URL, whose picture changes after so many answers."""
            self.shop.let_pass(days)
            jobs = [self.shop.hand_in(self.urls[:1], days_ago=ago) for ago in (days_ago, 0)]
            interleaving = Interleaving([partial(self.shop.work, *job) for job in zip(jobs, skews, strict=True)])
            with aws.watched(interleaving), self.shop.changing(NAMES[0], answers):
                interleaving.play(turns)
            happened.update({"days": days, "jobs": 2, "races": 1, "wrong clocks": sum(map(bool, skews))})

        @invariant()
        def every_completed_image_is_there(self) -> None:
            self.shop.check()

        def teardown(self) -> None:
            images = [image for job in self.shop.jobs for image in self.shop.images(job)]
            assert all(image.status is ImageStatus.COMPLETED for image in images)
            happened.update(images=len(images), reused=sum(bool(image.reused) for image in images))

    run_state_machine_as_test(Nights, settings=EXAMPLES)

    told = ", ".join(f"{count:,} {what}" for what, count in sorted(happened.items()))
    record_property(FIGURES, f"images kept for {image_days or 'ever'}: {told}; every image there as long as its job")


@pytest.mark.parametrize("skew_days", [-30, 0, 30])
def test_how_long_an_object_is_kept_is_none_of_a_workers_clock(aws, web, pictures, kept_for, skew_days):
    """Whatever the worker believed that made it: a hundred days later it would not outlive a new job."""
    image_days = 2 * RETENTION_DAYS
    kept_for(image_days)
    shop = NightlyShop(aws, web, pictures)
    url = shop.show(NAMES[0], TAG)
    shop.work(shop.hand_in((url,)), skew_days * SECONDS_A_DAY)
    shop.let_pass(100)
    last = shop.hand_in((url,))
    shop.work(last)

    shop.let_pass(image_days - 100)

    [image] = shop.images(last)
    assert image.reused
    assert last.end > 0
