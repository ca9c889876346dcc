"""Image bytes in, smaller image bytes out."""
