"""template.yaml as CloudFormation gets it: expanded by the SAM translator, and its conditions decided.

`python -m tests.support.expanded Stage=prod > expanded.json` is what other tools can judge.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from local.stack import EMULATOR_PYTHON
from tests.support.account import PROJECT
from tests.support.template import Resource, as_list, read_template

NOTHING = {"Ref": "AWS::NoValue"}
NOT_DECIDED = {"Conditions", "Rules", "Outputs", "Metadata"}


class ExpansionError(Exception):
    """The translator refused the template. The message is what it said."""


def expanded(template: Resource, *parameters: str) -> Resource:
    """template, as the translator expands it. parameters: `Name=value` each.

    Raises:
        ExpansionError: for what it does not take.
    """
    done = subprocess.run(
        [EMULATOR_PYTHON, PROJECT / "tests" / "support" / "expansion.py", *parameters],
        input=json.dumps(template),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ExpansionError(done.stderr.strip().rpartition("\n")[2])
    document: Resource = json.loads(done.stdout)
    return document


class Conditions:
    """A template's conditions under its parameters."""

    def __init__(self, template: Resource, *parameters: str) -> None:
        self.named = template["Conditions"]
        self.values = {name: str(facts.get("Default", "")) for name, facts in template["Parameters"].items()}
        self.values |= dict(each.split("=", 1) for each in parameters)

    def holds(self, condition: Resource) -> bool:
        [(kind, of)] = condition.items()
        match kind:
            case "Condition":
                return self.holds(self.named[of])
            case "Fn::Not":
                return not self.holds(of[0])
            case "Fn::And":
                return all(map(self.holds, of))
            case "Fn::Or":
                return any(map(self.holds, of))
            case "Fn::Equals":
                one, other = (self.values[each["Ref"]] if isinstance(each, dict) else str(each) for each in of)
                return bool(one == other)
        raise ValueError(kind)

    def decide(self, value: Any) -> Any:
        """value without `Fn::If` and `AWS::NoValue`."""
        if isinstance(value, list):
            return [done for each in value if (done := self.decide(each)) != NOTHING]
        if not isinstance(value, dict):
            return value
        if "Fn::If" in value:
            name, then, other = value["Fn::If"]
            return self.decide(then if self.holds({"Condition": name}) else other)
        return {name: done for name, each in value.items() if (done := self.decide(each)) != NOTHING}


def decided(template: Resource, *parameters: str) -> Resource:
    """template without conditions: its resources are those that hold under the parameters, `Name=value` each."""
    conditions = Conditions(template, *parameters)
    resources = {
        name: conditions.decide(resource)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or conditions.holds({"Condition": resource["Condition"]})
    }
    for resource in resources.values():
        resource.pop("Condition", None)
        if "DependsOn" in resource:
            resource["DependsOn"] = [name for name in as_list(resource["DependsOn"]) if name in resources]
    # What these say is of all stacks, not of this one.
    return {name: value for name, value in template.items() if name not in NOT_DECIDED} | {"Resources": resources}


if __name__ == "__main__":
    json.dump(decided(expanded(read_template(), *sys.argv[1:]), *sys.argv[1:]), sys.stdout, indent=2)
