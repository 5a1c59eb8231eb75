"""Tensors from files that nobody vouches for: no code in them is run, and names and shapes are checked before use.

Files are mapped into memory, not read: a tensor's bytes come from the disk when they are first used.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import pickle
import re
import shutil
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from voicechat.errors import ModelError

logger = logging.getLogger(__name__)

Shapes = Mapping[str, tuple[int, ...]]

_MAX_JSON_BYTES = 16 << 20  # a tokenizer has 7 MB; a wrong file may be endless
_READ_BYTES = 1 << 28  # at once; no system reads more than 2 GB
_N_NAMED = 3  # tensors that an error names, of each kind
_HEAD_AND_TAIL_BYTES = 1 << 16  # of a file, to know it again: the end of a zip has the checksums of all that is in it
_SPARE_BYTES = 200_000_000  # a conversion leaves at least so much of the disk free
_FLOATS = (torch.float32, torch.bfloat16, torch.float16)

# What a damaged or foreign pickle makes torch.load raise; nothing in it has been run by then.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)


class _Unfilled(TorchFunctionMode):
    """Leaves the weights of new modules as they are: on "meta" there are none."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def skeleton() -> Iterator[None]:
    """Build modules without memory, to be filled by load_state_dict(assign=True).

    To draw random weights for "meta" would do nothing, but import 800 modules first: 0.8 s.
    """
    with torch.device("meta"), _Unfilled():
        yield


def read_pickle(path: Path) -> Mapping[str, Any]:
    """Read what torch.save has written: a mapping, its tensors mapped into memory.

    Raises:
        ModelError: If the file is missing, damaged, not one of torch's, or asks for code to be run (none is).
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"  # torch.save since 1.6; what is older cannot be mapped
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders about damaged pickles before it refuses them
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except _UNREADABLE as exc:
        if isinstance(exc, pickle.UnpicklingError) and re.search("unsupported (global|class)", str(exc), re.IGNORECASE):
            reason = "it holds more than tensors, and code from it is never run"
        else:
            reason = "it is damaged, cut short, or not a checkpoint"
        raise ModelError(f"cannot load {path}: {reason}; get it again") from exc
    if not isinstance(loaded, Mapping) or not all(isinstance(name, str) for name in loaded):
        raise ModelError(f"cannot load {path}: it holds {type(loaded).__name__}, not tensors by name; get it again")
    return loaded


def read_safetensors(path: Path, *, wanted: Callable[[str], bool] | None = None) -> dict[str, Tensor]:
    """Read the tensors whose names are wanted (all of them without `wanted`), mapped into memory.

    Raises:
        ModelError: If the file is missing, damaged, or not of that format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if wanted is None or wanted(name)}  # noqa: SIM118
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except (SafetensorError, RuntimeError, ValueError) as exc:
        raise ModelError(f"cannot load {path}: it is damaged or cut short ({exc}); get it again") from exc


def one_by_one(path: Path, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors of a safetensors file that was read before, each mapped only until the next is asked for.

    For who copies them: the file is then never in memory as a whole.

    Raises:
        ModelError: If the file is gone or has changed.
    """
    from safetensors import SafetensorError, safe_open

    for name in names:
        try:
            with safe_open(path, framework="pt") as file:
                tensor = file.get_tensor(name)
        except (OSError, SafetensorError, RuntimeError, ValueError) as exc:
            raise ModelError(f"{path} was changed while it was read: {exc}") from exc
        yield name, tensor
        del tensor  # the mapping goes with it


def read_into(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill tensors from a safetensors file that was read before, as fast as the disk gives it.

    What is mapped comes page by page, when it is touched: that takes twice as long.

    Args:
        tensors: in the CPU's memory, contiguous, of the sizes that the file has them in.

    Raises:
        ModelError: If the file is gone or has changed.
    """
    try:
        with path.open("rb", buffering=0) as file:
            (n_header,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(n_header, _MAX_JSON_BYTES)))
            for name, tensor in sorted(tensors.items(), key=lambda item: header[item[0]]["data_offsets"]):
                begin, end = header[name]["data_offsets"]
                memory = tensor.view(-1).view(torch.uint8).numpy().data
                file.seek(8 + n_header + begin)
                if end - begin != len(memory) or not _filled(memory, file):
                    raise ValueError(f"{name} has another size")
    except (OSError, ValueError, LookupError, TypeError, RecursionError, struct.error) as exc:
        raise ModelError(f"{path} was changed while it was read: {exc}") from exc


def _filled(memory: memoryview, file: io.RawIOBase) -> bool:
    """Read until memory is full; tell whether the file had enough."""
    while len(memory):
        n_bytes = file.readinto(memory[:_READ_BYTES])
        if not n_bytes:
            return False
        memory = memory[n_bytes:]
    return True


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelError: If the file is missing, not JSON, or no object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_JSON_BYTES + 1)
        loaded = json.loads(data) if len(data) <= _MAX_JSON_BYTES else None
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except (ValueError, RecursionError) as exc:
        raise ModelError(f"cannot load {path}: not valid JSON; get it again") from exc
    if not isinstance(loaded, dict):
        raise ModelError(f"cannot load {path}: not a JSON object; get it again")
    return loaded


def checked(
    state: Mapping[str, Any], expected: Shapes, path: Path, *, ignored: Callable[[str], bool] | None = None
) -> dict[str, Tensor]:
    """Give the tensors that are expected, and make sure of every name, shape and type.

    Args:
        path: where they are from, for the message.
        ignored: whether a tensor that is not expected may be there; without it, none may.

    Raises:
        ModelError: If one is missing, odd or extra; the message says which, and how many.
    """
    missing = [name for name in expected if name not in state]
    odd = [
        f"{name} is {problem}"
        for name in expected
        if name in state
        if (problem := _problem(state[name], expected[name]))
    ]
    extra = [name for name in state if name not in expected and not (ignored and ignored(name))]
    kinds = (("missing", missing), ("odd", odd), ("unknown", extra))
    if problems := [f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds if names]:
        raise ModelError(f"{path} does not hold this model's {len(expected)} tensors; {'; '.join(problems)}")
    return {name: state[name] for name in expected}


def _problem(tensor: Any, shape: tuple[int, ...]) -> str:
    if not isinstance(tensor, Tensor):
        return f"no tensor but {type(tensor).__name__}"
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or not tensor.is_contiguous():
        return "not stored as plain numbers"
    if tuple(tensor.shape) != shape:
        return f"{tuple(tensor.shape)}, not {shape}"
    return "" if tensor.dtype in _FLOATS else f"of {str(tensor.dtype).removeprefix('torch.')}, not of floats"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_N_NAMED]) + (f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else "")


def fingerprint(path: Path) -> str:
    """Give what tells a checkpoint file from another, in a moment: its size, and a hash of its beginning and end.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_HEAD_AND_TAIL_BYTES))
            file.seek(max(0, size - _HEAD_AND_TAIL_BYTES))
            digest.update(file.read(_HEAD_AND_TAIL_BYTES))
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    return f"{size}-{digest.hexdigest()[:32]}"


def converted(path: Path, *, source: str) -> dict[str, Tensor] | None:
    """Give the tensors that `keep` has written, None if there are none or they were made from something else.

    Args:
        source: the fingerprint of what they were made from.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("source") != source:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, RuntimeError, ValueError) as exc:
        if path.exists():
            logger.warning("%s is damaged and will be made again: %s", path, exc)
        return None


def keep(
    tensors: Mapping[str, Tensor],
    path: Path,
    *,
    source: str,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> bool:
    """Write tensors for the next time, as safetensors, whole or not at all; tell whether it was possible.

    Args:
        source: the fingerprint of what they were made from.
        free_bytes: how much room a folder's disk has.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    temporary = None
    try:
        if (free := free_bytes(path.parent)) < n_bytes + _SPARE_BYTES:
            logger.info("%s is not written: %.1f GB are needed, %.1f GB free", path, n_bytes / 1e9, free / 1e9)
            return False
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        save_file(dict(tensors), temporary, metadata={"source": source})
        os.replace(temporary, path)
    except (OSError, SafetensorError) as exc:  # a read-only folder is no reason not to talk
        logger.info("%s is not written: %s", path, exc)
        return False
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)  # it is gone if all went well
    return True


def positive_int(value: object, *, key: str, path: Path, at_most: int = 1 << 24) -> int:
    """Give a size from a configuration file.

    Raises:
        ModelError: If it is not a whole number from 1 on.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= at_most:
        raise ModelError(f"{path}: {key} must be a whole number from 1 to {at_most}, not {value!r:.80}")
    return value


def flag(value: object, *, key: str, path: Path) -> bool:
    """Give a yes or no from a configuration file.

    Raises:
        ModelError: If it is something else.
    """
    if not isinstance(value, bool):
        raise ModelError(f"{path}: {key} must be true or false, not {value!r:.80}")
    return value


def must_be(settings: Mapping[str, Any], fixed: Mapping[str, Any], path: Path) -> None:
    """Make sure that the keys that are there have the only values that the model here can have.

    Raises:
        ModelError: If one has another.
    """
    for key, value in fixed.items():
        if key in settings and settings[key] != value:
            raise ModelError(f"{path}: {key} must be {value!r}, not {settings[key]!r:.80}; it is another model")


def must_have(settings: Mapping[str, Any], keys: Iterable[str], path: Path) -> None:
    """Make sure that keys are there.

    Raises:
        ModelError: If one is missing.
    """
    if missing := [key for key in keys if key not in settings]:
        raise ModelError(f"{path}: {', '.join(missing)} is missing")
