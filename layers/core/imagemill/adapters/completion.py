"""Starting the completion state machine, which ends a job's run and tells its receivers."""

from __future__ import annotations

import json
import os

from botocore.exceptions import ClientError

from imagemill.adapters.aws import error_code, step_functions


def start_completion(job_id: str, run: int) -> None:
    """Start the execution that ends this run, once.

    The execution is named after the run, and a name can be used once in 90 days (StartExecution API
    reference), so repeating changes nothing.
    """
    try:
        step_functions().start_execution(
            stateMachineArn=os.environ["COMPLETION_STATE_MACHINE"],
            name=f"{job_id}-{run}",
            input=json.dumps({"job_id": job_id, "run": run}),
        )
    except ClientError as fault:
        if error_code(fault) != "ExecutionAlreadyExists":
            raise
