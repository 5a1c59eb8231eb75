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


def _whisper(name: str, summary: str, n_bytes: int, *, licence: str = "Apache-2.0", known: bool = False) -> Published:
    """Describe a checkpoint of OpenAI's; whisper-small's files are known, since Mini-Omni uses two of them, too."""
    ears = _MINI_OMNI.parts[1]
    generation = "71565b8ef50d0bf7a1193ed4bbed195b94e70c18894d81bba2f1233dcec3ab53"
    files = (
        File("config.json", 1_970),
        File("generation_config.json", 3_868, generation if known else ""),
        File("tokenizer.json", 2_480_466),
        File("model.safetensors", n_bytes),
    )
    checksummed = {file.name: file for file in ears.files} if known else {}
    part = Part(
        folder="checkpoint",
        repository=f"openai/{name}",
        revision=ears.revision if known else "main",
        licence=licence,
        files=tuple(checksummed.get(file.name, file) for file in files),
    )
    return Published(name, summary, (part,))


_MOONSHINE = Published(
    name="moonshine-base",
    summary="Speech to text, English; takes as long as what was said is long: quick to answer on a CPU",
    parts=(
        Part(
            folder="checkpoint",
            repository="UsefulSensors/moonshine-base",
            revision="main",
            licence="MIT",
            files=(
                File("config.json", 1_100),
                File("generation_config.json", 170),
                File("preprocessor_config.json", 220),
                File("tokenizer.json", 3_760_000),
                File("tokenizer_config.json", 164_000),
                File("model.safetensors", 246_000_000),
            ),
        ),
    ),
)

MODELS = {
    model.name: model
    for model in (
        _MINI_OMNI,
        _SMART_TURN,
        _whisper("whisper-tiny", "Speech to text in 99 languages; fastest, roughest", 151_061_672),
        _whisper("whisper-base", "Speech to text in 99 languages; fast", 290_403_936),
        _whisper("whisper-small", "Speech to text in 99 languages; for most CPUs", 966_995_080, known=True),
        _whisper("whisper-medium", "Speech to text in 99 languages; slow without a GPU", 3_055_544_304),
        _whisper("whisper-large-v3", "Speech to text in 99 languages; best, for a GPU", 3_087_130_976),
        _whisper(
            "whisper-large-v3-turbo",
            "Speech to text in 99 languages; nearly as good, eight times faster; no translation",
            1_617_824_864,
            licence="MIT",
        ),
        _MOONSHINE,
    )
}
