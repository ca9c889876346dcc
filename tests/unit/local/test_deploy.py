"""`make deploy`: what is refused before anything is touched, and a Release that follows from the parameters."""

import tomllib

import pytest

from local.deploy import PROJECT, RefusedError, overrides

TEMPLATE = (PROJECT / "template.yaml").read_text("utf-8")


def deployed(*parameters: str, stack_name: str = "imagemill-dev") -> list[str]:
    return overrides({"stack_name": stack_name, "parameter_overrides": ["Stage=dev", *parameters]}, TEMPLATE, "abc1234")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_what_samconfig_has_is_deployed(environment):
    settings = tomllib.loads((PROJECT / "samconfig.toml").read_text("utf-8"))[environment]["deploy"]["parameters"]

    assert set(settings["parameter_overrides"]) < set(overrides(settings, TEMPLATE, "abc1234"))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (["ProcessConcurrency=1"], "ProcessConcurrency=1: a whole number from 2 to 1000"),
        (["RetentionDays=6"], "RetentionDays=6"),
        (["RetentionDays=x"], "RetentionDays=x"),
        (["ProcessConcurency=5"], "ProcessConcurency: template.yaml has no such parameter"),
        (["ProductsVisibilitySeconds=200"], "at least ProcessTimeoutSeconds, 300"),
        (["IngestTimeoutSeconds=900", "IngestVisibilitySeconds=800"], "at least IngestTimeoutSeconds, 900"),
        (["ReportVisibilitySeconds=299"], "at least ReportTimeoutSeconds"),
        (["CatalogueTimeoutSeconds=241"], "60 s less than IngestTimeoutSeconds, 300"),
        (["ImageTimeoutSeconds=120", "ProcessTimeoutSeconds=200"], "at most half of ProcessTimeoutSeconds"),
        (["ImageRetentionDays=89"], "0 or at least RetentionDays, 90"),
    ],
)
def test_numbers_out_of_range_or_against_each_other_are_refused(parameters, said):
    with pytest.raises(RefusedError, match=said):
        deployed(*parameters)


@pytest.mark.parametrize("name", ["s" * 57, "1mill", "my_mill", "my mill", ""])
def test_a_name_that_other_names_cannot_be_made_of_is_refused(name):
    with pytest.raises(RefusedError, match="stack_name"):
        deployed(stack_name=name)


@pytest.mark.parametrize("name", ["s" * 56, "Imagemill-EU"])
def test_long_names_and_upper_case_are_taken(name):
    assert deployed(stack_name=name)


def test_a_changed_parameter_is_another_release():
    [one] = [pair for pair in deployed("CorsOrigins=https://a") if pair.startswith("Release=")]
    [other] = [pair for pair in deployed("CorsOrigins=https://b") if pair.startswith("Release=")]

    assert one.startswith("Release=abc1234-")
    assert one != other
    assert "Release=mine" in deployed("Release=mine")
