"""S3, SQS and Step Functions, and the way that calls take to AWS."""
