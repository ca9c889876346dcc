"""Reads a catalogue that has arrived and fans it out: one message a product."""
