"""Each of events/ in the runtime that Lambda runs: its emulator's init, its client, its Python, read-only code."""
