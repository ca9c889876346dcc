"""The console and the reference, as self-contained pages."""
