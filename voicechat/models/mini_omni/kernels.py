"""The compiled kernels in native/: built on first use where there is a C compiler, loaded, and given Python signatures.

It knows memory addresses, not what the numbers mean. Without a compiler `library()` is None and the callers use torch's
own operations. Nothing is built at import.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).with_name("native")
FLAGS = ("-O3", "-fno-math-errno", "-fopenmp-simd", "-shared", "-fPIC")
FOR_THIS_PROCESSOR = ("-march=native", "-mcpu=native", "")  # some compilers know the first for x86 only
BUILD_TIMEOUT_S = 120.0
MAX_THREADS = 8  # more do not read memory faster

_POINTER, _INT64 = ctypes.c_void_p, ctypes.c_int64


class Matrix(ctypes.Structure):
    """int8 weights (n, k), float32 scales and biases (n,) by their addresses; whoever builds it keeps them alive."""

    _fields_ = [("w", _POINTER), ("scale", _POINTER), ("bias", _POINTER), ("n", _INT64), ("k", _INT64)]

    @classmethod
    def of(cls, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Matrix:
        return cls(weight.data_ptr(), scale.data_ptr(), None if bias is None else bias.data_ptr(), *weight.shape)


class Sizes(ctypes.Structure):
    _fields_ = [
        *((name, _INT64) for name in ("n_blocks", "width", "hidden", "n_groups", "heads_per_group", "head_size")),
        ("norm_eps", ctypes.c_float),
    ]


class Block(ctypes.Structure):
    _fields_ = [
        ("norm_1", _POINTER),
        ("norm_2", _POINTER),
        *((name, Matrix) for name in ("attn", "proj", "gate_up", "down")),
    ]


UNIT_TAPS = 7  # of the depthwise convolution in SNAC's residual units


class Unit(ctypes.Structure):
    _fields_ = [
        *((name, _POINTER) for name in ("alpha_1", "inverse_1", "weight", "bias", "alpha_2", "inverse_2")),
        ("n_channels", _INT64),
        ("dilation", _INT64),
    ]


class Cache(ctypes.Structure):
    _fields_ = [
        ("keys", _POINTER),
        ("values", _POINTER),
        *((name, _INT64) for name in ("block_stride", "row_stride", "group_stride", "position")),
    ]


class Packed(ctypes.Structure):
    _fields_ = [("hi", _POINTER), ("lo", _POINTER), ("bias", _POINTER), ("n", _INT64), ("k", _INT64)]


class Norm(ctypes.Structure):
    _fields_ = [("weight", _POINTER), ("bias", _POINTER)]


class EncoderLayer(ctypes.Structure):
    _fields_ = [
        *((name, Norm) for name in ("norm_1", "norm_2")),
        *((name, Packed) for name in ("qkv", "out", "up", "down")),
    ]


class EncoderSizes(ctypes.Structure):
    _fields_ = [*((name, _INT64) for name in ("width", "n_heads", "hidden")), ("norm_eps", ctypes.c_float)]


_SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "set_threads": ([ctypes.c_int], ctypes.c_int),
    "linear_int8": ([ctypes.POINTER(Matrix), _POINTER, _INT64, _POINTER], ctypes.c_int),
    "decode": (
        [
            ctypes.POINTER(Sizes),
            ctypes.POINTER(Block),
            _POINTER,
            ctypes.POINTER(Cache),
            *[_POINTER] * 2,
            *[_INT64] * 2,
            _POINTER,
        ],
        ctypes.c_int,
    ),
    "gate": ([_POINTER, _INT64, _INT64, _POINTER], None),
    "snake_rows": ([_POINTER] * 3 + [_INT64] * 2 + [_POINTER], None),
    "unit_front": (
        [ctypes.POINTER(Unit), *[_POINTER, _INT64] * 3, _INT64, _INT64, *[_POINTER] * 4],
        ctypes.c_int,
    ),
    "amx_usable": ([], ctypes.c_int),
    "encoder_workspace": ([ctypes.POINTER(EncoderSizes), _INT64], _INT64),
    "encoder_front": (
        [
            ctypes.POINTER(EncoderSizes),
            *[ctypes.POINTER(Packed)] * 2,
            _POINTER,
            _INT64,
            _POINTER,
            _INT64,
            *[_POINTER] * 2,
        ],
        None,
    ),
    "encoder_layer": (
        [ctypes.POINTER(EncoderSizes), ctypes.POINTER(EncoderLayer), *[_INT64] * 2, *[_POINTER] * 2],
        None,
    ),
    "read_bytes": ([_POINTER, _INT64], _INT64),
    "prefer_large_pages": ([_POINTER, _INT64], None),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """Give the compiled kernels, None where they cannot be built; the log says why (INFO).

    VOICECHAT_NO_KERNELS=1 switches them off.
    """
    if os.environ.get("VOICECHAT_NO_KERNELS"):
        return None
    loaded = None
    for compiler in _compilers():
        try:
            loaded = ctypes.CDLL(str(_built(compiler)))
            break
        except (OSError, subprocess.SubprocessError) as error:
            logger.info("%s could not build the kernels: %s", compiler[-1], error)
    if loaded is None:
        logger.info("no C compiler: 8-bit weights run on torch's own kernels, two to three times as slow")
        return None
    for name, (arguments, result) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, result
    loaded.set_threads(n_threads())
    return loaded


def n_threads() -> int:
    """How many threads the kernels use: the processors this process may run on, up to MAX_THREADS."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_THREADS, allowed)


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch's operations in this thread; other threads are not touched.

    Its own pool waits spinning, for milliseconds, on the processors that the kernels need, and at its barriers for
    processors that another process holds: with one of two taken, a frame of SNAC took 4 to 20 times as long.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def read_bytes(data: Tensor) -> None:
    """Read all of a contiguous tensor, a multiple of 8 bytes, as fast as memory gives it, and do nothing with it."""
    compiled = library()
    if compiled is None or data.device.type != "cpu":
        data.view(torch.int32).sum()
    else:
        compiled.read_bytes(data.data_ptr(), data.nbytes)


def prefer_large_pages(data: Tensor) -> Tensor:
    """Give the tensor back after asking for large memory pages for it; ask before it is filled."""
    compiled = library()
    if compiled is not None and data.device.type == "cpu":
        compiled.prefer_large_pages(data.data_ptr(), data.nbytes)
    return data


def _compilers() -> Iterator[list[str]]:
    """Give the commands of the C compilers there are: the user's, the system's, the one that pip installs."""
    for command in filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")):
        words = shlex.split(command)
        if shutil.which(words[0]):
            yield words
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc"]


def _built(compiler: list[str]) -> Path:
    """Give the shared library for these sources, compiler and processor, built if it is not there yet.

    Raises:
        OSError: If the compiler fails.
    """
    sources = sorted(SOURCES.glob("*.[ch]"))
    content = b"".join(source.read_bytes() for source in sources)
    key = hashlib.sha256(content + repr((compiler, FLAGS, _processor())).encode()).hexdigest()[:16]
    target = _cache_dir() / f"mini-omni-kernels-{key}{'.dll' if os.name == 'nt' else '.so'}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    to_compile = [str(source) for source in sources if source.suffix == ".c"]
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / target.name
        for processor in FOR_THIS_PROCESSOR:
            command = [*compiler, *FLAGS, *filter(None, [processor]), "-o", str(built), *to_compile, "-lm", "-lpthread"]
            result = subprocess.run(command, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False)
            if result.returncode == 0:
                os.replace(built, target)  # another process may have built it meanwhile: the same file
                return target
    errors = result.stderr.decode(errors="replace").strip().splitlines()
    raise OSError(errors[-1] if errors else "no reason given")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() + platform.machine()
    return next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), platform.machine())


def _cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("voicechat")
