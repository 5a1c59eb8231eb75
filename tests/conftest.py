"""What holds for every test: a configuration folder of its own, no `VOICECHAT_*` environment, no thread left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("voicechat", deadline=None)  # machines are shared: time says nothing about a law
settings.load_profile("voicechat")

# The neural models are tested where the extra `models` is installed (`make test-models`).
collect_ignore_glob = [] if find_spec("torch") else ["models/*", "engines/test_mini_omni*"]
if not find_spec("ray"):  # the extra `ray`, likewise
    collect_ignore_glob.append("test_recognizer_cluster.py")

THREAD_END_S = 1.0  # a thread that was told to end may still be on its last line


@pytest.fixture(autouse=True)
def voicechat_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration folder during the test; it does not exist yet."""
    for name in [name for name in os.environ if name.startswith("VOICECHAT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "voicechat-home"
    monkeypatch.setenv("VOICECHAT_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test that leaves a `voicechat-*` thread alive."""
    before = set(threading.enumerate())
    yield
    ours = [t for t in threading.enumerate() if t not in before and t.name.startswith("voicechat-")]
    for thread in ours:
        thread.join(THREAD_END_S)
    left = [thread.name for thread in ours if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
