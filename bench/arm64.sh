#!/bin/sh
# The codec as arm64 under qemu: whether it makes the same files there, byte by byte. On Debian 12, x86-64, as root.
# Its speed there says nothing of a real arm64.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/.local/arm64
mkdir -p "$root/debs"

dpkg --add-architecture arm64
apt-get update -qq
apt-get install -qq -y --no-install-recommends qemu-user-static
(
  cd "$root/debs"
  apt-get download -qq libc6:arm64 libgcc-s1:arm64 libstdc++6:arm64 libffi8:arm64 zlib1g:arm64 libexpat1:arm64 \
    libpython3.11-minimal:arm64 libpython3.11-stdlib:arm64 python3.11-minimal:arm64
  for deb in *.deb; do dpkg -x "$deb" "$root"; done
)
.venv-uv/bin/uv pip install --quiet --require-hashes --target "$root/packages" --python-version 3.11 \
  --python-platform aarch64-manylinux_2_28 --requirement layers/imaging/requirements.txt

PYTHONPATH=layers/core:functions:. .venv/bin/python -m bench.children.digests >"$root/here.txt"
qemu-aarch64-static -L "$root" -E PYTHONDONTWRITEBYTECODE=1 -E "PYTHONPATH=layers/core:functions:.:$root/packages" \
  "$root/usr/bin/python3.11" -m bench.children.digests >"$root/there.txt"
diff "$root/here.txt" "$root/there.txt"
echo "$(wc -l <"$root/here.txt") files are the same, byte by byte; $(grep -c Transcoded "$root/here.txt") of them transcoded."
