"""The models that voicechat can fetch: data only. A new one is an entry here.

A revision is a full commit of the hub's repository wherever one could be looked up when this was written (November
2026); "main" where it could not, and then the commit that `pull` found is kept in the manifest. A file without a
checksum has a size that is only near; what arrives is held against the checksum that the hub gives.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file of a repository."""

    name: str
    n_bytes: int
    sha256: str = ""  # "": not known here, and the size is only near


@dataclass(frozen=True)
class Part:
    """What is needed of one repository."""

    folder: str  # of the model's own folder
    repository: str
    revision: str
    licence: str
    files: tuple[File, ...]
    instead: str = ""  # a file, with its part's folder, that makes this part superfluous if it was imported


@dataclass(frozen=True)
class Published:
    """A model and all that it is made of."""

    name: str
    summary: str
    parts: tuple[Part, ...]

    @property
    def n_bytes(self) -> int:
        """What a download brings, about."""
        return sum(file.n_bytes for part in self.parts for file in part.files)


_MINI_OMNI = Published(
    name="mini-omni",
    summary="Speech to speech: hears and speaks by itself, English, one turn at a time",
    parts=(
        Part(
            folder="checkpoint",
            repository="gpt-omni/mini-omni",
            revision="main",
            licence="MIT",
            files=(
                File("model_config.yaml", 900),
                File("tokenizer.json", 7_030_000),
                File("lit_model.pth", 2_777_000_000),
            ),
        ),
        Part(
            folder="whisper",
            repository="openai/whisper-small",
            revision="973afd24965f72e36ca33b3055d56a652f456b4d",
            licence="Apache-2.0",
            files=(
                File("config.json", 1_967, "e6a2b489da1b5aed65a8eb8d1e7466fa867ad5643a8bc138ba708bd56b2875c4"),
                File(
                    "model.safetensors",
                    966_995_080,
                    "1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b",
                ),
            ),
            instead="checkpoint/small.pt",
        ),
        Part(
            folder="snac",
            repository="hubertsiuzdak/snac_24khz",
            revision="d73ad176a12188fcf4f360ba3bf2c2fbbe8f58ec",
            licence="MIT",
            files=(
                File("config.json", 300, "e119b9366d4f5e73c6ca5f31137c4ff361578bbb132953a5203afe037c4012be"),
                File(
                    "pytorch_model.bin",
                    79_488_254,
                    "4b8164cc6606bfa627f1a784734c1e539891518f1191ed9194fe1e3b9b4bff40",
                ),
            ),
        ),
    ),
)

_SMART_TURN = Published(
    name="smart-turn",
    summary="Tells a pause to think from the end of your turn, in 23 languages",
    parts=(
        Part(
            folder="model",
            repository="pipecat-ai/smart-turn-v3",
            revision="f766f81d3cfdf7737ac64aad813d91bbfd56bf93",
            licence="BSD-2-Clause",
            files=(
                File(
                    "smart-turn-v3.2-cpu.onnx",
                    8_679_182,
                    "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
                ),
            ),
        ),
    ),
)

MODELS = {model.name: model for model in (_MINI_OMNI, _SMART_TURN)}
