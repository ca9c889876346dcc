"""Webhooks: what is told, to whom, and signed with what."""
