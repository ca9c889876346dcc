"""Parameters of a page: its length, its status filter, its cursor."""

import base64

import pytest

from imagemill.adapters.store.jobs import create_job
from tests.support.account import JOB_ID, a_job

CURSOR = base64.urlsafe_b64encode(JOB_ID.encode()).decode().rstrip("=")
#: The same place with other bits where base64 has some to spare.
SPELT_OTHERWISE = CURSOR[:-1] + chr(ord(CURSOR[-1]) + 1)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "INVALID_PARAMETER"),
        ({"limit": "201"}, "INVALID_PARAMETER"),
        ({"limit": "-1"}, "INVALID_PARAMETER"),
        ({"limit": "²"}, "INVALID_PARAMETER"),
        ({"limit": "9" * 5000}, "INVALID_PARAMETER"),
        ({"status": "DONE"}, "INVALID_PARAMETER"),
        ({"cursor": "abc"}, "INVALID_CURSOR"),
        ({"cursor": "😀"}, "INVALID_CURSOR"),
        ({"cursor": base64.urlsafe_b64encode(b"TENANT#other").decode()}, "INVALID_CURSOR"),
        ({"cursor": SPELT_OTHERWISE}, "INVALID_CURSOR"),
    ],
)
@pytest.mark.parametrize("route", ["/jobs", f"/jobs/{JOB_ID}/products"])
def test_a_bad_parameter_is_refused(aws, caller, route, query, code):
    create_job(a_job())

    assert caller.problem(caller.get(route, query)) == (400, code)
