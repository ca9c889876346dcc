"""Neighbouring releases, each with its own code and layer, hand each other what they store and queue."""
