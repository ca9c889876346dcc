"""The one structured logger. Callers log ids, codes and hosts: never keys, secrets or query strings."""

from aws_lambda_powertools import Logger

logger = Logger(service="imagemill", use_rfc3339=True)
