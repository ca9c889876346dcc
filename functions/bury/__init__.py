"""Ends products whose messages were received too often: their processing kept crashing."""
