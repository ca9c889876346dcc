"""A shop's CSV: how it is recognised and read, and what is handed back."""
