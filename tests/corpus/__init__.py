"""The codec against libvips, over the image files of others' test suites. None of them is in this repository."""
