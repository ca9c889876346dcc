"""Ends a job: the output CSV, exact totals and the final status."""
