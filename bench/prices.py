"""What AWS asks, in dollars: us-east-1, arm64, list prices without free tiers and discounts.

As AWS's pricing pages had them in November 2025; nobody has asked a newer list for them since.
"""

from __future__ import annotations

from collections.abc import Mapping

MILLION = 1_000_000

#: Of one unit of each thing that is paid for.
PRICES: Mapping[str, float] = {
    "api requests": 3.50 / MILLION,  # API Gateway, REST
    "invocations": 0.20 / MILLION,
    "GB-seconds": 0.0000133334,  # Lambda, arm64
    "PUTs": 0.005 / 1_000,  # S3: PUT, COPY, POST, LIST
    "GETs": 0.0004 / 1_000,  # S3: GET, HEAD
    "SQS requests": 0.40 / MILLION,  # of 64 KB at most
    "write units": 0.625 / MILLION,  # DynamoDB on demand, 1 KB each
    "read units": 0.125 / MILLION,  # 4 KB each, consistent
    "transitions": 0.025 / 1_000,  # Step Functions, Standard
    "events": 1.00 / MILLION,  # EventBridge, of 64 KB at most
    "log GB": 0.50,  # CloudWatch Logs, taken in
}
#: To whom each is paid, as the tables name them.
PAYEES: Mapping[str, str] = {
    "api requests": "API Gateway",
    "invocations": "Lambda",
    "GB-seconds": "Lambda",
    "PUTs": "S3",
    "GETs": "S3",
    "SQS requests": "SQS",
    "write units": "DynamoDB",
    "read units": "DynamoDB",
    "transitions": "Step Functions",
    "events": "EventBridge",
    "log GB": "CloudWatch Logs",
}
