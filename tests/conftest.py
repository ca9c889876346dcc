"""Figures that tests come to are told after the dots, whichever process came to them."""

from __future__ import annotations

import pytest

#: The property under which a test records a line to be told: `record_property(FIGURES, "…")`.
FIGURES = "figures"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == FIGURES:
                terminalreporter.write_line(str(value))
