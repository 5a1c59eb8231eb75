"""Are the packages that voicechat was installed with still there, and which extras?"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata

from voicechat import __version__
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject

Installed = Callable[[str], bool]


def probe(_subject: Subject) -> Iterator[Finding]:
    """Look at the base packages and the extras."""
    try:
        required = metadata.requires("voicechat") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", Status.SKIPPED, "voicechat runs from a folder, and was not installed by pip")
        return
    yield from judge(required, is_installed)


def is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def judge(required: Iterable[str], installed: Installed) -> Iterator[Finding]:
    """Say which packages are missing.

    Args:
        required: as a wheel's metadata has them: "torch>=2.6; extra == 'models'".
    """
    base: list[str] = []
    extras: dict[str, list[str]] = {}
    for requirement in required:
        package = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        marker = requirement.partition(";")[2]
        extra = re.search(r"extra *== *['\"]([^'\"]+)", marker)
        if extra:
            extras.setdefault(extra[1], []).append(package)
        elif not marker:  # one that is for some platforms only is not judged
            base.append(package)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    missing = [package for package in base if not installed(package)]
    if missing:
        fix = f"pip install {' '.join(missing)}"
        yield Finding("packages", Status.WARN, f"missing: {', '.join(missing)}", fix, {"n_missing": len(missing)})
    else:
        detail = f"voicechat {__version__}, Python {python}, its {len(base)} packages are there"
        yield Finding("packages", Status.OK, detail, values={"python": python, "n_missing": 0})
    whole = {
        extra: all(installed(package) for package in packages)
        for extra, packages in extras.items()
        if extra != "all"  # which is the others
    }
    named = ", ".join(extra for extra, there in whole.items() if there)
    absent = ", ".join(f"'voicechat[{extra}]'" for extra, there in whole.items() if not there)
    parts = [f"{named} installed" if named else "", f"for more: pip install {absent}" if absent else ""]
    yield Finding("extras", Status.OK, "; ".join(filter(None, parts)) or "there are none", values=whole)
