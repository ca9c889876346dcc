"""The routes: what of HTTP there is to parse and to shape."""
