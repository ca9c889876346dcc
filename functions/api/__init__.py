"""The HTTPS API (contract A4)."""
