"""Loading Mini-Omni, measured in a fresh process: how long beside only reading the file, and in how much memory."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from voicechat.models.mini_omni import kernels, random_weights
from voicechat.models.mini_omni.int8 import Int8MiniOmni
from voicechat.models.mini_omni.model import MiniOmni

N_ROUNDS = 3
_BLOCK_BYTES = 1 << 24  # read at once


@dataclass(frozen=True)
class Load:
    """Loading the language model; of each time the least of some rounds, taken in turns."""

    load_s: float
    reading_s: float  # only reading the file into memory
    file_mb: float
    peak_mb: float  # of the process, while loading
    peak_before_mb: float  # before it, all modules imported


def measure(model: MiniOmni, folder: Path | None) -> Load | None:
    """Load a model in a fresh process; None where that cannot be measured, or a file of it not be written.

    Args:
        model: as it runs; its kind says what is loaded, and it is written for that if it has no folder.
        folder: of its checkpoint.
    """
    if importlib.util.find_spec("resource") is None:
        return None
    weight = model.transformer.ln_f.weight
    precision = "int8" if isinstance(model, Int8MiniOmni) else str(weight.dtype).removeprefix("torch.")
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary)
            if not random_weights.write_checkpoint(model, folder):
                return None
        code = "import sys; from voicechat.models.mini_omni import bench_load; bench_load.report(*sys.argv[1:])"
        command = [sys.executable, "-c", code, str(folder), precision, weight.device.type]
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return Load(**json.loads(result.stdout))


def report(folder: str, precision: str, device: str) -> None:
    """Load a model and write to stdout, as JSON, what it took; for a process of its own."""
    import safetensors.torch  # noqa: F401  (what loading imports is no part of it)
    import torch
    import yaml  # type: ignore[import-untyped]  # noqa: F401

    from voicechat.models.mini_omni import checkpoint

    def load() -> object:
        if precision == "int8":
            return checkpoint.load_int8(Path(folder))
        return checkpoint.load(Path(folder), device=device, dtype=getattr(torch, precision))

    kernels.library()
    before_mb = _peak_mb()
    names = (checkpoint.INT8,) if precision == "int8" else (checkpoint.CONVERTED, checkpoint.PICKLE)
    path = next(path for name in names if (path := Path(folder, name)).exists())
    load_s = [_seconds(load, path)]
    peak_mb = _peak_mb()  # of loading alone
    reading_s = []
    for _ in range(N_ROUNDS):  # in turns, both from the disk
        reading_s.append(_seconds(lambda: _read(path), path))
        load_s.append(_seconds(load, path))
    file_mb = path.stat().st_size / 1e6
    took = Load(min(load_s), min(reading_s), file_mb, peak_mb=peak_mb, peak_before_mb=before_mb)
    sys.stdout.write(json.dumps(asdict(took)))


def _seconds(run: Callable[[], object], path: Path) -> float:
    _forget(path)
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _read(path: Path) -> bytearray:
    """Read a file into memory that is new to the process, as loading must."""
    data = bytearray(path.stat().st_size)
    with path.open("rb", buffering=0) as file:
        for start in range(0, len(data), _BLOCK_BYTES):
            file.readinto(memoryview(data)[start : start + _BLOCK_BYTES])
    return data


def _forget(path: Path) -> None:
    """Have the system read a file from the disk when it is next asked for, if it can be told."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # what is not on the disk yet stays in memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _peak_mb() -> float:
    """Give the most memory that this process has held; on Linux, not what it inherited when it was forked."""
    import resource

    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)
