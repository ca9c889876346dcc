"""`make deploy ENV=dev`: checks the parameters of an environment of samconfig.toml, then deploys with them.

CloudFormation's own Rules compare no numbers and know no length of the stack's name, and a version of a function keeps
its parameters until its description changes: so both are looked after here, before anything is made. Needs nothing but
Python and `sam`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
#: The longest name that is made of the stack's is a function's, of 64 characters: `<stack>-process`.
STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,55}")
#: Seconds of an ingest that are left for what follows the fetch of a catalogue.
AFTER_FETCH_SECONDS = 60


class RefusedError(Exception):
    """What was asked for cannot be deployed. The message says why, a fault a line."""


def numbers(template: str, given: Mapping[str, str]) -> dict[str, int]:
    """The parameters that are numbers, as given or by default.

    Raises:
        RefusedError: for a name that the template does not have, or a value out of its range.
    """
    section = template.partition("\nParameters:\n")[2].partition("\nConditions:\n")[0]
    declared = dict(re.findall(r"^  (\w+):\n((?:    .*\n)+)", section, re.MULTILINE))
    faults = [f"{name}: template.yaml has no such parameter." for name in given if name not in declared]
    values = {}
    for name, text in declared.items():
        facts = dict(re.findall(r"^    (Type|Default|MinValue|MaxValue): (.+)$", text, re.MULTILINE))
        if facts["Type"] != "Number":
            continue
        value = given.get(name, facts["Default"])
        low, high = int(facts.get("MinValue", 0)), int(facts.get("MaxValue", sys.maxsize))
        if re.fullmatch(r"\d+", value) and low <= int(value) <= high:
            values[name] = int(value)
        else:
            faults.append(f"{name}={value}: a whole number from {low} to {high}.")
    if faults:
        raise RefusedError("\n".join(faults))
    return values


def contradictions(value: Mapping[str, int]) -> list[str]:
    """What numbers that are each in their range say against each other."""
    faults = [
        f"{queue}VisibilitySeconds={value[f'{queue}VisibilitySeconds']}: at least {function}TimeoutSeconds, "
        f"{value[f'{function}TimeoutSeconds']}; AWS refuses the queue as a source otherwise."
        for queue, function in (("Products", "Process"), ("Ingest", "Ingest"), ("Report", "Report"))
        if value[f"{queue}VisibilitySeconds"] < value[f"{function}TimeoutSeconds"]
    ]
    if value["CatalogueTimeoutSeconds"] > value["IngestTimeoutSeconds"] - AFTER_FETCH_SECONDS:
        faults.append(
            f"CatalogueTimeoutSeconds={value['CatalogueTimeoutSeconds']}: at least {AFTER_FETCH_SECONDS} s less than "
            f"IngestTimeoutSeconds, {value['IngestTimeoutSeconds']}."
        )
    if 2 * value["ImageTimeoutSeconds"] > value["ProcessTimeoutSeconds"]:
        faults.append(
            f"ImageTimeoutSeconds={value['ImageTimeoutSeconds']}: at most half of ProcessTimeoutSeconds, "
            f"{value['ProcessTimeoutSeconds']}."
        )
    if 0 < value["ImageRetentionDays"] < value["RetentionDays"]:
        faults.append(
            f"ImageRetentionDays={value['ImageRetentionDays']}: 0 or at least RetentionDays, {value['RetentionDays']}; "
            "jobs would name images that are gone."
        )
    return faults


def overrides(settings: Mapping[str, object], template: str, commit: str) -> list[str]:
    """The `--parameter-overrides` of an environment, a Release among them.

    Raises:
        RefusedError: for a name or parameters that AWS would refuse, now or half-way.
    """
    name = str(settings["stack_name"])
    pairs = [str(pair) for pair in settings["parameter_overrides"]]  # type: ignore[attr-defined]
    given = dict(pair.partition("=")[::2] for pair in pairs)
    faults = contradictions(numbers(template, given))
    if not STACK_NAME.fullmatch(name):
        faults.append(f"stack_name={name}: a letter, then letters, digits and hyphens, 56 at most.")
    if faults:
        raise RefusedError("\n".join(faults))
    if "Release" not in given:
        digest = hashlib.sha256("\n".join(sorted(pairs)).encode()).hexdigest()[:12]
        pairs.append(f"Release={commit}-{digest}")
    return pairs


def main() -> None:
    environment, commit = sys.argv[1:]
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text("utf-8"))
    if environment == "local" or environment not in config:
        known = ", ".join(name for name in config if name not in {"local", "version"})
        sys.exit(f"ENV={environment}: samconfig.toml has {known}.")
    try:
        pairs = overrides(
            config[environment]["deploy"]["parameters"], (PROJECT / "template.yaml").read_text("utf-8"), commit
        )
    except RefusedError as fault:
        sys.exit(f"Not deployed, nothing is changed:\n{fault}")
    asked = ["--no-confirm-changeset"] if os.environ.get("CI") else []
    command = ["sam", "deploy", "--config-env", environment, "--no-fail-on-empty-changeset", *asked]
    os.execvp("sam", [*command, "--parameter-overrides", *pairs])  # noqa: S606 - the caller's own sam, no shell


if __name__ == "__main__":
    main()
