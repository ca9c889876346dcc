"""The OpenAPI 3.1 description of the API, made from the code that it describes."""
