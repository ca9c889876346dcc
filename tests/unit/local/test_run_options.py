"""`make run OPTIONS=…`: names and values, blanks included."""

import pytest

from local.run import options_of


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("", {}),
        ("quality=60 format=webp", {"quality": "60", "format": "webp"}),
        ('client_reference="order 7 of May" quality=60', {"client_reference": "order 7 of May", "quality": "60"}),
        ("client_reference=order 7 of May quality=60", {"client_reference": "order 7 of May", "quality": "60"}),
        ("client_reference=seven o'clock", {"client_reference": "seven o'clock"}),
        ("webhook_url=http://a.example/?x=1", {"webhook_url": "http://a.example/?x=1"}),
        ("client_reference=", {"client_reference": ""}),
    ],
)
def test_options_are_read(given, options):
    assert options_of(given) == options


def test_what_is_no_option_is_refused():
    with pytest.raises(ValueError, match="'60' is not name=value"):
        options_of("60")
