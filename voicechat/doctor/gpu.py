"""Is there a GPU that a model could run on? torch is loaded only where one may be: that takes seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.models.hub import shown

INSTALL = "https://pytorch.org/get-started says which torch fits it"


def probe(_subject: Subject) -> Iterator[Finding]:
    """Look for a GPU."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        yield Finding("gpu", Status.SKIPPED, "torch is not installed; the built-in assistant needs none")
        return
    version = Path(spec.origin).with_name("version.py").read_text("utf-8")
    build, platform = built_for(version)
    n_cards = len([path for path in Path("/proc/driver/nvidia/gpus").glob("*") if path.is_dir()])
    if platform == "cpu":
        if n_cards:
            detail = f"there are {n_cards} NVIDIA GPUs, but torch {build} is built for the CPU"
            yield Finding("gpu", Status.WARN, detail, INSTALL, {"name": None, "torch": build})
        else:
            yield Finding("gpu", Status.OK, f"none; torch {build} uses the CPU", values={"name": None, "torch": build})
        return
    yield _ask_torch(build, n_cards)


def built_for(version: str) -> tuple[str, str]:
    """Give torch's version, and "cpu" if its build knows no GPU, else "gpu"; from its version.py.

    Apple's builds know a GPU and do not say so there.
    """
    build = re.search(r"__version__ *= *['\"]([^'\"]+)", version)
    named = re.search(r"^(?:cuda|hip|xpu)\b[^=\n]*= *['\"]", version, re.MULTILINE)
    name = build[1] if build else "of unknown version"
    return name, "gpu" if named or not name.endswith("+cpu") else "cpu"


def _ask_torch(build: str, n_cards: int) -> Finding:
    import torch

    values: dict[str, object] = {"name": None, "torch": build}
    if torch.cuda.is_available():
        free_bytes, total_bytes = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        sizes = {"free_bytes": int(free_bytes), "total_bytes": int(total_bytes)}
        detail = f"{name}, {shown(free_bytes)} of {shown(total_bytes)} free"
        return Finding("gpu", Status.OK, detail, values=values | {"name": name} | sizes)
    if torch.backends.mps.is_available():
        return Finding("gpu", Status.OK, "Apple's (mps)", values=values | {"name": "mps"})
    if n_cards:
        detail = f"there are {n_cards} NVIDIA GPUs, but torch {build} cannot use them"
        return Finding("gpu", Status.WARN, detail, "install NVIDIA's newest driver", values)
    return Finding("gpu", Status.OK, f"none; torch {build} uses the CPU", values=values)
