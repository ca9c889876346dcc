"""The completion state machine, which delivers messages until they are delivered or given up.

In release 0.1 its executions also closed the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from imagemill.adapters.aws.clients import error_code, step_functions
from imagemill.domain.webhooks.message import Delivery

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType


@dataclass(frozen=True, slots=True)
class Completion:
    """An execution of a run. repeat: 0 for the run's own, from 1 for those that the sweep started after it."""

    repeat: int
    status: ExecutionStatusType

    @property
    def is_running(self) -> bool:
        return self.status in {"RUNNING", "PENDING_REDRIVE"}

    @property
    def has_succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


def start_run_deliveries(job_id: str, run: int, repeat: int, deliveries: Sequence[Delivery]) -> None:
    """Start the execution that tells a run's receivers, once.

    The execution is named after the run, and a name can be used once in 90 days (StartExecution API
    reference), so repeating changes nothing. One that failed is repeated under a name of its own.
    """
    start_deliveries(_name(job_id, run, repeat), deliveries)


def start_deliveries(name: str, deliveries: Sequence[Delivery]) -> None:
    """Start an execution that delivers messages. Repeating with the same name changes nothing."""
    given = {"messages": [delivery.as_dict() for delivery in deliveries]}
    try:
        step_functions().start_execution(
            stateMachineArn=os.environ["COMPLETION_STATE_MACHINE"], name=name, input=json.dumps(given)
        )
    except ClientError as fault:
        if error_code(fault) != "ExecutionAlreadyExists":
            raise


def completions(job_id: str, run: int) -> Iterator[Completion]:
    """The executions of a run, the first first. One call each, as they are asked for, and one at the end."""
    repeat = 0
    while (status := _status(job_id, run, repeat)) is not None:
        yield Completion(repeat, status)
        repeat += 1


def _status(job_id: str, run: int, repeat: int) -> ExecutionStatusType | None:
    machine = os.environ["COMPLETION_STATE_MACHINE"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{_name(job_id, run, repeat)}"
    try:
        return step_functions().describe_execution(executionArn=execution)["status"]
    except ClientError as fault:
        if error_code(fault) == "ExecutionDoesNotExist":
            return None
        raise


def _name(job_id: str, run: int, repeat: int) -> str:
    return f"{job_id}-{run}-r{repeat}" if repeat else f"{job_id}-{run}"
