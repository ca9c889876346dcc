"""Contract A1: how a field lists URLs, and which of them can be tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.domain.catalogue.image_urls import is_valid_url, split_urls

A, B, C = "https://a.example/1.jpg", "http://b.example/2.png", "HTTPS://c.example/3.webp"


@pytest.mark.parametrize("separator", [",", ";", "|", "\n", "\r", "\r\n", ", ", " ;\t", ",\n", ",,", "|;|"])
def test_urls_are_cut_at_each_separator_and_stripped(separator: str):
    assert split_urls(f" {A}{separator}{B}{separator}{C} ") == (A, B, C)


@pytest.mark.parametrize("field", ["", " ", ",", " ,; \n|\r\n ,", "\u00a0"])
def test_empty_pieces_are_no_urls(field: str):
    assert split_urls(field) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/a?size=1,2",
        "https://x.example/a.jpg?size=1,2,3&fit=a,b/c",
        "https://x.example/a?list=1,,2",
        "https://x.example/a?next=1,ftp://y.example/b",
        "https://x.example/a/b.jpg?crop=10, 20",
    ],
)
def test_a_comma_inside_a_query_stays_part_of_the_url(url: str):
    assert split_urls(f"{A},{url},{B}") == (A, url, B)


def test_a_query_ends_where_the_next_url_begins():
    assert split_urls("https://x.example/?a=1,HTTP://y.example/?b=2,3,https://z.example/") == (
        "https://x.example/?a=1",
        "HTTP://y.example/?b=2,3",
        "https://z.example/",
    )


@pytest.mark.parametrize("rest", [",", ",,", " , "])
def test_a_comma_behind_the_last_url_is_not_part_of_its_query(rest: str):
    assert split_urls(f"https://x.example/?a=1{rest}") == ("https://x.example/?a=1",)


@pytest.mark.parametrize(
    "url",
    [
        "https://res.example/upload/w_100,h_100/x.jpg",
        "https://res.example/upload/c_fill,w_100,h_100,q_auto/x.jpg",
        "https://res.example/upload/w_0.5,h_0.5/x.jpg",
        "https://res.example/upload/w_1,h_1/e_a,o_2/v1/x.jpg?v=1,2",
    ],
)
def test_a_comma_inside_a_transformation_path_stays_part_of_the_url(url: str):
    assert split_urls(f"{url},{A},{url}") == (url, A, url)


@pytest.mark.parametrize(
    ("field", "urls"),
    [
        ("https://x.example/a.jpg,b/c.jpg", ("https://x.example/a.jpg", "b/c.jpg")),
        ("https://x.example/a,b.jpg", ("https://x.example/a", "b.jpg")),
        ("https://x.example/a,b.jpg,c/d.jpg", ("https://x.example/a", "b.jpg", "c/d.jpg")),
        ("https://x.example/a,b c/d.jpg", ("https://x.example/a", "b c/d.jpg")),
        ("https://x.example/a,ftp://y.example/d", ("https://x.example/a", "ftp://y.example/d")),
        ("https://x.example/a,,b/c.jpg", ("https://x.example/a", "b/c.jpg")),
        ("https://x.example,a/b.jpg", ("https://x.example", "a/b.jpg")),
        ("n/a,https://x.example/1.jpg", ("n/a", "https://x.example/1.jpg")),
    ],
)
def test_any_other_piece_keeps_its_own_position(field: str, urls: tuple[str, ...]):
    assert split_urls(field) == urls


@pytest.mark.parametrize("separator", [";", "|", "\n"])
def test_other_separators_cut_a_query_too(separator: str):
    assert split_urls(f"https://x.example/?a=1{separator}b=2") == ("https://x.example/?a=1", "b=2")


@pytest.mark.parametrize("tail", [",a/", ",a", ",", ",?", ",https://x.example/"])
def test_a_field_of_a_mebibyte_is_cut_in_one_pass(tail: str):
    field = "https://x.example/" + tail * (1024 * 1024 // len(tail))

    assert "".join(split_urls(field)).replace(",", "") == field.replace(",", "")


@given(st.text(st.sampled_from("ab/.?:, ;|\nhtps"), max_size=60))
def test_no_text_is_lost_or_invented(field: str):
    kept = "".join(split_urls(field))

    assert [c for c in kept if c.isalpha()] == [c for c in field if c.isalpha()]


@pytest.mark.parametrize(
    "url",
    [
        A,
        C,
        "http://x.example",
        "https://x.example:8443/a",
        "https://x.example:/a",
        "https://93.184.216.34/a.jpg",
        "https://[2606:2800::1]/a.jpg",
        "https://bücher.example/ä.jpg",
        "https://x.example/a?b=1,2#c",
        "https://x.example/@2x.png",
        "https://x.example/a b.jpg",
        "https://x.example/" + "a" * (2_048 - len("https://x.example/")),
    ],
)
def test_an_absolute_web_address_may_be_tried(url: str):
    assert is_valid_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "n/a",
        "x.example/a.jpg",
        "//x.example/a.jpg",
        "/a.jpg",
        "https:/x.example/a.jpg",
        "https://",
        "https:///a.jpg",
        "https://:443/a.jpg",
        "ftp://x.example/a.jpg",
        "file:///etc/passwd",
        "javascript://x.example/%0a",
        "data:image/png;base64,AAAA",
        "https://user:secret@x.example/a.jpg",
        "https://user@x.example/a.jpg",
        "https://@x.example/a.jpg",
        "https://x.example\\@y.example/a.jpg",
        "https://x.example:0/a.jpg",
        "https://x.example:65536/a.jpg",
        "https://x.example:http/a.jpg",
        "https://[::1/a.jpg",
        "https://[x.example]/a.jpg",
        "https://x.example/a.jpg\n",
        "https://x.exa\tmple/a.jpg",
        "https://x.example/\u2028",
        "https://x.example/\x00",
        "https://x.example/\x7f",
        "https://x.example/\x85",
        "https://x.example/\x9f",
        "https://x.example/" + "a" * (2_049 - len("https://x.example/")),
    ],
)
def test_anything_else_may_not(url: str):
    assert not is_valid_url(url)


@given(st.text(max_size=80), st.sampled_from(["", "https://", "http://[", "https://x.example:"]))
def test_validity_has_an_answer_for_any_text(text: str, beginning: str):
    assert is_valid_url(beginning + text) in {True, False}
