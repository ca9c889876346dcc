"""DynamoDB, S3, SQS, Step Functions and the web, each behind the few calls that imagemill makes."""
