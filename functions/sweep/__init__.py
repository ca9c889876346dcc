"""Finds jobs that make no progress, and starts again what is missing; so a job always ends."""
