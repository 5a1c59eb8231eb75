"""The compiled products of 8-bit weights: built from kernels.c on the first use, where there is a C compiler.

Without one, `library()` is None and `int8.py` uses torch's own 8-bit products. Nothing is built at import.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC")
BUILD_TIMEOUT_S = 60.0

_POINTER, _INT64 = ctypes.c_void_p, ctypes.c_int64
_SIGNATURES: dict[str, tuple[list[type], type | None]] = {
    "quantize_rows": ([_POINTER, _INT64, _INT64, _POINTER, _POINTER], None),
    "linear_int8": ([_POINTER] * 3 + [_INT64] * 2 + [_POINTER] * 2 + [_INT64, _POINTER], None),
    "read_bytes": ([_POINTER, _INT64], _INT64),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """Give the compiled kernels, None where they cannot be built; the log says why (INFO)."""
    if os.environ.get("VOICECHAT_NO_KERNELS"):
        return None
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CC", ""), "cc", "gcc", "clang"))), None)
    if compiler is None:
        logger.info("no C compiler: 8-bit weights run on torch's own kernels")
        return None
    try:
        path = _built(compiler)
        loaded = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        logger.info("kernels.c could not be built: %s", error)
        return None
    for name, (arguments, result) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, result
    return loaded


def _built(compiler: str) -> Path:
    """Give the shared library for this source, compiler and processor, built if it is not there yet."""
    key = hashlib.sha256(SOURCE.read_bytes() + repr((compiler, FLAGS, _processor())).encode()).hexdigest()[:16]
    target = _cache_dir() / f"kernels-{key}{'.dll' if os.name == 'nt' else '.so'}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / target.name
        for openmp in ("-fopenmp", None):  # Apple's clang comes without
            command = [compiler, *FLAGS, *filter(None, [openmp]), "-o", str(built), str(SOURCE), "-lm"]
            result = subprocess.run(command, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False)
            if result.returncode == 0:
                os.replace(built, target)
                return target
    raise OSError(result.stderr.decode(errors="replace").strip().splitlines()[-1])


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() + platform.machine()
    return next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), platform.machine())


def _cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("voicechat")
