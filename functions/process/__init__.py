"""The processing Lambda: fetch each image of a product, compress it, store it."""
