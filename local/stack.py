"""The embedded stack: the project's own template.yaml on an emulated AWS, without Docker and without an account."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

from local.keys import api_key

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

PROJECT = Path(__file__).resolve().parent.parent
#: Where running stacks say how to reach them, and log.
LOCAL = PROJECT / ".local"
EMULATOR_PYTHON = PROJECT / ".venv-emulator" / "bin" / "python"
DEFAULT_PORT = 4566
REGION = "us-east-1"
#: The emulated account's administrator, known to every AWS client that follows the emulators' convention.
ADMINISTRATOR = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
START_SECONDS = 60
STOP_SECONDS = 10
CODE_BUCKET = "imagemill-local-code"

#: What runs each function: the runtime client that AWS uses too, on the source in place.
BOOTSTRAP = """#!/bin/sh
export PYTHONPATH="{project}/layers/core:{project}/functions"
exec "{python}" -m awslambdaric "$_HANDLER"
"""


class StackFailedError(Exception):
    """The stack cannot start. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """How to reach a running stack (contract A8). The two API keys belong to two tenants."""

    api_url: str
    api_key: str
    other_api_key: str
    aws_endpoint_url: str
    catalogue_bucket: str
    image_bucket: str
    table: str


def client(service: str, endpoint: str) -> Any:  # noqa: ANN401 - the caller states which
    """A client of the emulated AWS, with the administrator's credentials."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ADMINISTRATOR["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ADMINISTRATOR["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}),
    )


@contextmanager
def running_stack(port: int, parameters: Mapping[str, str] | None = None, log: Path | None = None) -> Iterator[Stack]:
    """Start the emulator, deploy the template, and end all of it on leaving.

    parameters: template parameters over those of samconfig.toml's `local`. log: where the emulator and
    the functions log; a file under `.local/` by default.

    Raises:
        StackFailedError: when the port is taken, or the emulator or the deployment fails.
    """
    _require_free(port)
    endpoint = f"http://127.0.0.1:{port}"
    log = log or LOCAL / f"stack-{port}.log"
    log.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="imagemill-") as folder, log.open("wb") as output:
        emulator = subprocess.Popen(
            [EMULATOR_PYTHON, "-m", "local.emulator"],
            cwd=PROJECT,
            env=_emulator_environment(port, endpoint, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(emulator, endpoint, log)
            yield _deploy(endpoint, api_key(LOCAL, port, "other"), parameters or {})
        finally:
            _stop(emulator)


def free_port(preferred: int) -> int:
    """The preferred port, or another one when it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StackFailedError("No port is free on 127.0.0.1.")


def answers(endpoint: str) -> bool:
    """Whether anybody listens there."""
    parts = urlsplit(endpoint)
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=2):
            return True
    except OSError:
        return False


def _require_free(port: int) -> None:
    if free_port(port) != port:
        raise StackFailedError(
            f"Port {port} is taken. Is another stack running? Stop it, or choose another port: PORT={port + 1}"
        )


def _emulator_environment(port: int, endpoint: str, folder: str) -> dict[str, str]:
    """Only what is stated here reaches the emulator and, through it, the functions."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "IMAGEMILL_API_KEY": api_key(LOCAL, port, "first"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Function roles and bucket policies are enforced, as on AWS.
        "AUTH": "true",
        # Authorities of the machine's own, as behind a company's proxy.
        **{name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ},
        **ADMINISTRATOR,
    }


def _wait_until_ready(emulator: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if emulator.poll() is not None:
            raise StackFailedError(f"The emulated AWS ended at once (exit {emulator.returncode}). Its log: {log}")
        try:
            with urlopen(f"{endpoint}/_ministack/health", timeout=2):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise StackFailedError(f"The emulated AWS did not answer within {START_SECONDS} s. Its log: {log}")


def _stop(emulator: subprocess.Popen[bytes]) -> None:
    """End the emulator and, as they share its session, every function process."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(emulator.pid, signal_number)
            emulator.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _deploy(endpoint: str, other_api_key: str, parameters: Mapping[str, str]) -> Stack:
    settings = tomllib.loads((PROJECT / "samconfig.toml").read_text())["local"]["deploy"]["parameters"]
    name = settings["stack_name"]
    values = dict(pair.split("=", 1) for pair in settings["parameter_overrides"])
    # One for each processor; SQS takes 2 or more.
    values |= {"EmulatorUrl": endpoint, "ProcessConcurrency": str(max(2, os.cpu_count() or 1)), **parameters}
    outputs = _create_stack(client("cloudformation", endpoint), name, _packaged_template(endpoint), values)
    gateway: APIGatewayClient = client("apigateway", endpoint)
    first = gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
    return Stack(
        api_url=f"{endpoint}/_aws/execute-api/{outputs['ApiId']}/v1",
        api_key=first,
        other_api_key=_add_api_key(gateway, outputs["UsagePlanId"], other_api_key),
        aws_endpoint_url=endpoint,
        catalogue_bucket=outputs["CatalogueBucketName"],
        image_bucket=outputs["ImageBucketName"],
        table=outputs["TableName"],
    )


def _add_api_key(gateway: APIGatewayClient, usage_plan: str, value: str) -> str:
    """A second tenant, made as a deployer makes one."""
    key = gateway.create_api_key(name="other", enabled=True, value=value)
    gateway.create_usage_plan_key(usagePlanId=usage_plan, keyId=key["id"], keyType="API_KEY")
    return key["value"]


def _packaged_template(endpoint: str) -> str:
    """The URL of the template with its local paths uploaded, as `sam package` does: it is too long for a request.

    The functions run through a bootstrap on the source in place, so that the machine's Python will do
    whatever its version, and an edit is live in the next function process.
    """
    store: S3Client = client("s3", endpoint)
    store.create_bucket(Bucket=CODE_BUCKET)
    bootstrap = BOOTSTRAP.format(project=PROJECT, python=sys.executable)
    definition = PROJECT / "statemachines" / "completion.asl.json"
    uploads = {
        "functions.zip": _zip({"bootstrap": bootstrap}),
        "layer.zip": _zip({"python/README": "The embedded stack reads the layers in place."}),
        "completion.asl.json": definition.read_bytes(),
    }
    for key, body in uploads.items():
        store.put_object(Bucket=CODE_BUCKET, Key=key, Body=body)
    replacements = {
        "CodeUri: functions/": f"CodeUri: s3://{CODE_BUCKET}/functions.zip",
        "Runtime: python3.13": "Runtime: provided.al2023",
        "ContentUri: layers/core": f"ContentUri: s3://{CODE_BUCKET}/layer.zip",
        "ContentUri: layers/imaging": f"ContentUri: s3://{CODE_BUCKET}/layer.zip",
        "DefinitionUri: statemachines/completion.asl.json": f"DefinitionUri: s3://{CODE_BUCKET}/completion.asl.json",
    }
    template = (PROJECT / "template.yaml").read_text()
    for local, packaged in replacements.items():
        if local not in template:
            raise StackFailedError(f"template.yaml no longer says '{local}'")
        template = template.replace(local, packaged)
    store.put_object(Bucket=CODE_BUCKET, Key="template.yaml", Body=template.encode())
    return f"{endpoint}/{CODE_BUCKET}/template.yaml"


def _zip(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _create_stack(
    cloudformation: CloudFormationClient, name: str, template_url: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="create",
        ChangeSetType="CREATE",
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    pace: Any = {"Delay": 1, "MaxAttempts": 60}
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName="create", WaiterConfig=pace
        )
        cloudformation.execute_change_set(StackName=name, ChangeSetName="create")
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=pace)
    except WaiterError as fault:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in events
            if event.get("ResourceStatus", "").endswith("FAILED")
        ]
        raise StackFailedError("The template did not deploy. " + ("; ".join(failed) or str(fault))) from fault
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def tenant_of(stack: Stack) -> str:
    """The tenant of the stack's first API key: the key's id."""
    keys = client("apigateway", stack.aws_endpoint_url).get_api_keys(includeValues=True)["items"]
    return next(str(key["id"]) for key in keys if key["value"] == stack.api_key)
