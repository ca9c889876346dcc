"""JPEG to JPEG of a lower quality without pixels, by the WebAssembly module that `transcoder/` is the source of."""
