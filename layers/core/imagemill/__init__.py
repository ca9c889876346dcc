"""Compress the images of product catalogues: the code that imagemill's functions share."""

__version__ = "0.1.0"
