"""The whole of imagemill on one machine: the embedded stack, its client and a shop to fetch from."""
