"""What is declared of wasmtime's C API is what the pinned version has, as its own wheel declares it."""

import ctypes
import subprocess
import sys

import pytest
from wasmtime import _ffi

from process.codec.transcode import wasm
from tests.support.account import PROJECT

POINTER_BYTES = ctypes.sizeof(ctypes.c_void_p)
IS_LOADED = """
import sys
from process.codec.transcode.sandbox import sandbox
assert sandbox() is not None
print([name for name in sys.modules if name.startswith("wasmtime")])
"""


def shape(kind) -> tuple[str, int] | None:
    """What matters where a value is handed over: that of pointers is the same whatever they point to."""
    if kind is None:
        return None
    is_pointer = kind in {ctypes.c_void_p, ctypes.c_char_p} or hasattr(kind, "contents") or hasattr(kind, "argtypes")
    return ("pointer", POINTER_BYTES) if is_pointer else ("number", ctypes.sizeof(kind))


@pytest.mark.parametrize("name", wasm.SIGNATURES)
def test_each_function_has_the_signature_of_the_wheel(name):
    theirs = getattr(_ffi.dll, name)
    result, arguments = wasm.SIGNATURES[name]

    assert shape(result) == shape(theirs.restype)
    assert [shape(argument) for argument in arguments] == [shape(argument) for argument in theirs.argtypes]


def test_structures_have_the_sizes_of_the_wheel():
    assert ctypes.sizeof(wasm.RawValue) == ctypes.sizeof(_ffi.wasmtime_val_raw_t)
    assert ctypes.sizeof(wasm.Export) == ctypes.sizeof(_ffi.wasmtime_extern_t)
    assert wasm.Export.of.offset == _ffi.wasmtime_extern_t.of.offset
    assert ctypes.sizeof(_ffi.wasmtime_instance_t) == 2 * ctypes.sizeof(ctypes.c_uint64)


def test_the_wheel_s_own_python_is_not_imported():
    """It would take as long as the rest of the process's start."""
    path = ":".join(str(PROJECT / folder) for folder in ("layers/core", "functions"))
    run = subprocess.run(
        [sys.executable, "-c", IS_LOADED], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_module_without_the_export_that_is_asked_for_is_an_error():
    bare = wasm.Module(b"\0asm\1\0\0\0")
    with pytest.raises(wasm.WasmError, match="does not export memory"):
        bare.instance(memory_bytes=1 << 20)
    bare.close()
