"""The DynamoDB table: one module a kind of item, with its key and all its writes."""
