"""Lambda, its triggers and Step Functions, as far as they decide what runs when, around the real handlers.

Messages and objects are moto's. What was not answered well is delivered again, three times for products, then
to the dead-letter queue; a state that failed is tried again. An invocation can be made to die at any of its AWS
calls: from then on that process can do nothing more, whatever its threads still try.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

import bury.app
import deliver.app
import ingest.app
import process.app
import report.app
from imagemill.adapters.aws import clients
from imagemill.domain.product import MAX_RECEIVE_COUNT
from tests.support.account import CATALOGUE_BUCKET, STATE_MACHINE, Account
from tests.support.caller import LambdaContext, context_of

Handler = Callable[[dict[str, Any], Any], Any]

#: Rounds in which all triggers are looked at; a job that is not at rest by then never will be.
MAX_ROUNDS = 60
#: What an invocation has that is too short for any image.
HASTY_MILLISECONDS = 6_000
#: Receives of a report, as template.yaml has it.
REPORT_RECEIVES = 9
#: Tries of a state of the state machine, as completion.asl.json has it.
STATE_TRIES = 9
#: No invocation of these tests takes so long, so no message comes back by itself.
INVISIBLE_SECONDS = 900


FUNCTIONS = frozenset({"api", "ingest", "process", "bury", "report", "deliver"})


class Died(BaseException):
    """The process is gone. Not an Exception: no handler can catch its own death."""


@dataclass(slots=True)
class QueuedMessage:
    """A message in flight. handle: its receipt."""

    message_id: str
    handle: str
    body: str
    receive_count: int = 0

    def record(self) -> dict[str, Any]:
        return {
            "messageId": self.message_id,
            "receiptHandle": self.handle,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receive_count)},
            "eventSource": "aws:sqs",
        }


class LambdaPlatform:
    """deadly_point: the n-th point (from 1), before or after an AWS call of any handler, at which its process dies.

    points: those that were passed in a function of `mortals`, as `<function>: before|after <operation>`.
    """

    def __init__(self, aws: Account, context: Any, queues: Mapping[str, str], deadly_point: int = 0) -> None:
        self._aws = aws
        self._context = context
        self._queues = queues
        self._deadly_point = deadly_point
        self._seen_objects: set[tuple[str, str]] = set()
        self._in_flight: dict[str, list[QueuedMessage]] = {name: [] for name in queues}
        self._dead: list[QueuedMessage] = []
        #: Receipts of what process functions took from the queue themselves.
        self._taken: list[str] = []
        #: Invocations of the process function, from the next one on, that have no time for a single image.
        self.hasty = 0
        #: Whether a report has time for one part of its outputs alone.
        self.are_reports_hasty = False
        #: Products handed to a process function at once; the others wait in the queue.
        self.handed_in = 10
        self._executed = set(aws.executions())
        self.points: list[str] = []
        self.mortals = FUNCTIONS

    def run(self) -> None:
        """Let everything happen until nothing is left to do.

        Raises:
            AssertionError: when it never comes to rest.
        """
        rounds = (
            self._ingest_objects,
            self._ingest_messages,
            self._products,
            self._bury,
            self._reports,
            self._executions,
        )
        # Between invocations, too: a thread of a process that died may still be receiving.
        with self._noting_what_is_taken():
            for _ in range(MAX_ROUNDS):
                if not sum(look() for look in rounds):
                    return
        raise AssertionError(f"not at rest after {MAX_ROUNDS} rounds")

    def ingest(self) -> None:
        """Let what has arrived be fanned out, and nothing else happen."""
        while self._ingest_objects() + self._ingest_messages():
            pass

    def give_up(self, row: int) -> None:
        """Let the workers of a row's product have crashed as often as its message is received."""
        for message in self._received("products"):
            if json.loads(message.body)["row"] == row:
                self._delete("products", message)
                self._dead.append(QueuedMessage(message.message_id, message.handle, message.body))

    def invoke(self, function: str, call: Callable[[], Any]) -> tuple[bool, Any]:
        """Whether an invocation of the function came to its end, and what it answered."""
        try:
            with self._mortal(function):
                return True, call()
        except Died:
            return False, None

    def _handle(self, handler: Handler, event: Any) -> tuple[bool, Any]:
        return self.invoke(handler.__module__.partition(".")[0], lambda: handler(event, self._context_of(handler)))

    def _context_of(self, handler: Handler) -> Any:
        if self.hasty and handler is process.app.handler:
            self.hasty -= 1
            return context_of(HASTY_MILLISECONDS)
        if self.are_reports_hasty and handler is report.app.handler:
            return LambdaContext(repeat(0))
        return self._context

    @contextmanager
    def _mortal(self, function: str) -> Iterator[None]:
        is_dead = False

        def seen(point: str) -> None:
            nonlocal is_dead
            if function in self.mortals and not is_dead:
                self.points.append(f"{function}: {point}")
                is_dead = len(self.points) == self._deadly_point
            if is_dead:
                raise Died(point)

        with self._aws.watched(seen):
            yield

    def _ingest_objects(self) -> int:
        """An event for each new version of an object that the bucket notifies of."""
        listed = clients.s3().list_object_versions(Bucket=CATALOGUE_BUCKET).get("Versions", [])
        arrived = {
            (item["Key"], item["VersionId"]) for item in listed if item["Key"].startswith(("uploads/", "inbox/"))
        }
        new = sorted(arrived - self._seen_objects)
        self._seen_objects |= arrived
        for key, version in new:
            described = {"key": quote_plus(key), "versionId": version}
            body = json.dumps({"Records": [{"s3": {"object": described}}]})
            self._in_flight["ingest"].append(QueuedMessage(f"{key}-{version}", "", body))
        return len(new)

    def _ingest_messages(self) -> int:
        messages = self._received("ingest")
        for message in messages:
            message.receive_count += 1
            done, _ = self._handle(ingest.app.handler, {"Records": [message.record()]})
            if done:
                self._delete("ingest", message)
        return len(messages)

    def _products(self) -> int:
        self._show_what_was_taken()
        batch = self._received("products", self.handed_in)[: self.handed_in]
        for message in batch:
            message.receive_count += 1
        if not batch:
            return 0
        done, answer = self._handle(process.app.handler, {"Records": [message.record() for message in batch]})
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]} if done else None
        for message in batch:
            if again is not None and message.message_id not in again:
                self._delete("products", message)
            elif message.receive_count >= MAX_RECEIVE_COUNT:
                self._delete("products", message)
                self._dead.append(QueuedMessage(message.message_id, message.handle, message.body))
        return len(batch)

    @contextmanager
    def _noting_what_is_taken(self) -> Iterator[None]:
        def note(parsed: Any, model: Any, **_: Any) -> None:
            if model.name == "ReceiveMessage":
                self._taken += [message["ReceiptHandle"] for message in parsed.get("Messages", [])]

        events = clients.sqs().meta.events
        events.register_first("after-call.*.*", note)
        try:
            yield
        finally:
            events.unregister("after-call.*.*", note)

    def _show_what_was_taken(self) -> None:
        """Let what was taken and not deleted come again, as it does when its time out of sight is over."""
        for handle in self._taken:
            # Deleted, or never to be seen: SQS has forgotten the receipt.
            with suppress(ClientError):
                clients.sqs().change_message_visibility(
                    QueueUrl=self._queues["products"], ReceiptHandle=handle, VisibilityTimeout=0
                )
        self._taken.clear()

    def _bury(self) -> int:
        dead = list(self._dead)
        if not dead:
            return 0
        done, answer = self._handle(bury.app.handler, {"Records": [message.record() for message in dead]})
        if done:
            assert answer == {"batchItemFailures": []}
            self._dead.clear()
        return len(dead)

    def _reports(self) -> int:
        messages = self._received("report")
        for message in messages:
            message.receive_count += 1
            assert message.receive_count <= REPORT_RECEIVES, "a report keeps failing"
            done, _ = self._handle(report.app.handler, {"Records": [message.record()]})
            if done:
                self._delete("report", message)
        return len(messages)

    def _executions(self) -> int:
        new = [name for name in self._aws.executions() if name not in self._executed]
        for name in new:
            self._executed.add(name)
            arn = f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
            given = json.loads(clients.step_functions().describe_execution(executionArn=arn)["input"])
            brought = given if "messages" in given else self._state(report.app.handler, given)
            for message in brought["messages"]:
                state = message
                while state.get("state", "RETRY") == "RETRY":
                    state = self._state(deliver.app.handler, state)
        return len(new)

    def _state(self, handler: Handler, given: Any) -> Any:
        for _ in range(STATE_TRIES):
            done, answer = self._handle(handler, given)
            if done:
                return answer
        raise AssertionError(f"{handler.__module__} failed {STATE_TRIES} times")

    def _received(self, queue: str, at_most: int = 1_000) -> list[QueuedMessage]:
        """What is in flight, and what has been sent since; of the latter no more than makes `at_most` in all."""
        url = self._queues[queue]
        in_flight = self._in_flight[queue]
        while len(in_flight) < at_most and (
            page := clients.sqs()
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(10, at_most - len(in_flight)),
                VisibilityTimeout=INVISIBLE_SECONDS,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
            .get("Messages")
        ):
            in_flight += [
                QueuedMessage(
                    message["MessageId"],
                    message["ReceiptHandle"],
                    message["Body"],
                    int(message["Attributes"]["ApproximateReceiveCount"]) - 1,
                )
                for message in page
            ]
        return list(in_flight)

    def _delete(self, queue: str, message: QueuedMessage) -> None:
        self._in_flight[queue].remove(message)
        if message.handle:
            clients.sqs().delete_message(QueueUrl=self._queues[queue], ReceiptHandle=message.handle)
