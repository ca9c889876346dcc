"""WebAssembly by the library in wasmtime's wheel, of whose C API this needs seventeen functions.

Not by the wheel's own Python: that declares a thousand functions when it is imported, which takes as long as all the
rest of a codec process's start, and asks for a function's type at every call. Structures and numbers are those of the
version that is pinned; `tests/unit/process/codec/transcode/test_wasm.py` compares them with what the wheel declares.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Mapping
from ctypes import POINTER, byref, c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from imagemill.errors import ImagemillError

_LIBRARIES = {"linux": "_libwasmtime.so", "darwin": "_libwasmtime.dylib"}
_MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
#: Limits of a store that stay as they are (wasmtime_store_limiter).
_UNLIMITED = -1


class RawValue(ctypes.Union):
    """wasmtime_val_raw_t, of which numbers of 32 bits are passed here; the other member is its largest."""

    _fields_ = (("u32", c_uint32), ("v128", c_uint8 * 16))


class Export(ctypes.Structure):
    """wasmtime_extern_t: what an instance exports, a function or a memory of its store."""

    _fields_ = (("kind", c_uint8), ("of", c_uint64 * 3))


#: Result and arguments of each function. Opaque pointers; the library checks nothing else either.
SIGNATURES: Mapping[str, tuple[Any, tuple[Any, ...]]] = MappingProxyType(
    {
        "wasm_config_new": (c_void_p, ()),
        "wasmtime_config_parallel_compilation_set": (None, (c_void_p, c_bool)),
        "wasm_engine_new_with_config": (c_void_p, (c_void_p,)),
        "wasm_engine_delete": (None, (c_void_p,)),
        "wasmtime_module_new": (c_void_p, (c_void_p, c_char_p, c_size_t, POINTER(c_void_p))),
        "wasmtime_module_delete": (None, (c_void_p,)),
        "wasmtime_store_new": (c_void_p, (c_void_p, c_void_p, c_void_p)),
        "wasmtime_store_limiter": (None, (c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)),
        "wasmtime_store_context": (c_void_p, (c_void_p,)),
        "wasmtime_store_delete": (None, (c_void_p,)),
        "wasmtime_instance_new": (
            c_void_p,
            (c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, POINTER(c_void_p)),
        ),
        "wasmtime_instance_export_get": (c_bool, (c_void_p, c_void_p, c_char_p, c_size_t, POINTER(Export))),
        "wasmtime_func_call_unchecked": (
            c_void_p,
            (c_void_p, c_void_p, POINTER(RawValue), c_size_t, POINTER(c_void_p)),
        ),
        "wasmtime_memory_data": (c_void_p, (c_void_p, c_void_p)),
        "wasmtime_memory_data_size": (c_size_t, (c_void_p, c_void_p)),
        "wasm_trap_delete": (None, (c_void_p,)),
        "wasmtime_error_delete": (None, (c_void_p,)),
    }
)


class WasmError(ImagemillError):
    """What the library refused: to compile, to make an instance, to take more memory."""


class TrapError(WasmError):
    """A call that ended by a trap."""


class Module:
    """A module compiled for this processor. Nothing but the end of its process ends a call that runs away.

    Raises whatever is raised where there is no library for this machine.
    """

    def __init__(self, wasm: bytes) -> None:
        self._api = _library()
        config = self._api.wasm_config_new()
        # Threads of its own would be more than a codec process has, and their stacks count as its memory.
        self._api.wasmtime_config_parallel_compilation_set(config, False)
        self._engine = self._api.wasm_engine_new_with_config(config)
        module = c_void_p()
        _check(self._api, self._api.wasmtime_module_new(self._engine, wasm, len(wasm), byref(module)))
        self._module = module

    def instance(self, *, memory_bytes: int) -> Instance:
        """A new one, whose memory grows to so much at the most. Raises WasmError."""
        return Instance(self._api, self._engine, self._module, memory_bytes)

    def close(self) -> None:
        """After all instances."""
        self._api.wasmtime_module_delete(self._module)
        self._api.wasm_engine_delete(self._engine)


class Instance:
    """An instance and its memory, exported as `memory`. Not to be used by two threads at once."""

    def __init__(self, api: ctypes.CDLL, engine: int, module: c_void_p, memory_bytes: int) -> None:
        self._api = api
        self._store = api.wasmtime_store_new(engine, None, None)
        try:
            self.limit_memory(memory_bytes)
            self._context = api.wasmtime_store_context(self._store)
            # wasmtime_instance_t: two numbers of 64 bits.
            self._instance = (c_uint64 * 2)()
            trap = c_void_p()
            _check(api, api.wasmtime_instance_new(self._context, module, None, 0, self._instance, byref(trap)), trap)
            self._exports: dict[str, Export] = {}
            self._memory = self._exported("memory")
        except WasmError:
            self.close()
            raise

    def close(self) -> None:
        self._api.wasmtime_store_delete(self._store)

    def limit_memory(self, memory_bytes: int) -> None:
        """What the memory may grow to from now on. It never shrinks."""
        self._api.wasmtime_store_limiter(self._store, memory_bytes, *[_UNLIMITED] * 4)

    def call(self, name: str, *arguments: int) -> int:
        """Call an exported function of numbers of 32 bits. Raises TrapError."""
        values = (RawValue * max(1, len(arguments)))()
        for value, argument in zip(values, arguments, strict=False):
            value.u32 = argument
        trap = c_void_p()
        function = self._exports.get(name) or self._exported(name)
        place = byref(function, Export.of.offset)
        _check(
            self._api,
            self._api.wasmtime_func_call_unchecked(self._context, place, values, len(values), byref(trap)),
            trap,
        )
        result: int = values[0].u32
        return result

    @property
    def memory_bytes(self) -> int:
        size: int = self._api.wasmtime_memory_data_size(self._context, byref(self._memory, Export.of.offset))
        return size

    @property
    def memory_address(self) -> int:
        """Where the memory is in this process, until it grows."""
        address: int = self._api.wasmtime_memory_data(self._context, byref(self._memory, Export.of.offset))
        return address

    def _exported(self, name: str) -> Export:
        export, encoded = Export(), name.encode()
        if not self._api.wasmtime_instance_export_get(
            self._context, self._instance, encoded, len(encoded), byref(export)
        ):
            raise WasmError(f"the module does not export {name}")
        self._exports[name] = export
        return export


def _check(api: ctypes.CDLL, error: int | None, trap: c_void_p | None = None) -> None:
    if error:
        api.wasmtime_error_delete(error)
        raise WasmError("refused by wasmtime")
    if trap:
        api.wasm_trap_delete(trap)
        raise TrapError("trap")


def _library() -> ctypes.CDLL:
    """The wheel's, without importing the wheel."""
    spec = find_spec("wasmtime")
    if spec is None or not spec.submodule_search_locations:
        raise WasmError("wasmtime is not installed")
    machine = _MACHINES[platform.machine()]
    folder = Path(spec.submodule_search_locations[0]) / f"{sys.platform}-{machine}"
    library = ctypes.CDLL(str(folder / _LIBRARIES[sys.platform]))
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
