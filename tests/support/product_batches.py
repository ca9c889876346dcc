"""Products' messages as the queue delivers them, and what becomes of them."""

from typing import Any

from imagemill.adapters.aws import clients
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage, ProductResult
from tests.support.account import JOB_ID
from tests.support.results import get_results, product_message


def message(*urls: str, job_id: str = JOB_ID, row: int = 1, ledger_size: int = 1) -> ProductMessage:
    return product_message(job_id, 1, row, ledger_size, urls, ImageOptions())


def batch(*messages: ProductMessage, receive_count: int = 1) -> dict[str, Any]:
    """As the queue delivers it: the messages are really in flight."""
    records = []
    for number, body in enumerate(messages):
        queue = clients.sqs().get_queue_url(QueueName="imagemill-prod-products")["QueueUrl"]
        clients.sqs().send_message(QueueUrl=queue, MessageBody=body.to_json())
        [received] = clients.sqs().receive_message(QueueUrl=queue, VisibilityTimeout=1800)["Messages"]
        records.append(
            {
                "messageId": f"message-{number}",
                "receiptHandle": received["ReceiptHandle"],
                "body": received["Body"],
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
            }
        )
    return {"Records": records}


def result_of(row: int = 1, job_id: str = JOB_ID) -> ProductResult:
    return get_results([(job_id, 1, row)])[job_id, 1, row]


def given_back(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
