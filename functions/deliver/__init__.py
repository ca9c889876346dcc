"""Delivers webhook messages: one attempt an invocation."""
