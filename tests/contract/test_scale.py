"""The simulation's document is what the simulation says, and the simulation obeys its own limits."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from bench.scale import BEGIN, CASES, END, IMAGES, PARTITION_PUTS, as_markdown, chart, courses, simulate
from tests.support.account import PROJECT

FOLDER = PROJECT / "docs" / "benchmarks"


def test_table_and_chart_are_what_the_simulation_says():
    simulated = courses()
    document = (FOLDER / "scale.md").read_text(encoding="utf-8")

    _, _, rest = document.partition(BEGIN)
    assert rest.partition(END)[0].strip() == as_markdown(simulated).strip(), "run `python -m bench scale`"
    assert (FOLDER / "scale.svg").read_text(encoding="utf-8") == chart(simulated), "run `python -m bench scale`"


def test_the_chart_has_a_line_and_a_name_for_each_case():
    drawn = ET.fromstring(chart(courses()))

    names = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {case.name for case in CASES} <= names
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_images_are_made_and_none_faster_than_anything_allows(case):
    course = simulate(case)

    assert course.made[-1] == IMAGES
    assert course.made == sorted(course.made)
    assert course.fastest <= min(case.workers * case.rate, case.origins) * (1 + 1e-9)
    assert sum(course.limits.values()) == len(course.made)
    if case.partitions == 1 and len(course.made) < 300:
        assert course.fastest <= PARTITION_PUTS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_more_of_anything_takes_no_longer(case):
    more = {
        "workers": case.workers * 2,
        "rate": case.rate * 2,
        "origins": case.origins * 2,
        "table": case.table * 2,
        "partitions": case.partitions * 2,
    }

    for name, value in more.items():
        assert simulate(replace(case, **{name: value})).seconds <= simulate(case).seconds, name
