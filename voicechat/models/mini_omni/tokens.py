"""Mini-Omni's vocabulary, prompts and delay pattern: integers only, no tensors of any model.

A position holds 8 tokens: 7 audio layers, then text. Ids of text and of the audio layers share one table of 181,120
rows; audio token `a` of layer `l` has the id `TEXT_VOCAB + AUDIO_VOCAB * l + a`.
Source: arXiv 2408.16725 and the published code's prompts, as the golden cases in tests/data record them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

N_LAYERS = 7  # audio layers; the text is the eighth row
TEXT_VOCAB = 152_000
AUDIO_VOCAB = 4_160
N_CODES = 4_096  # audio tokens from here on are specials

END_OF_TEXT, TEXT_PAD, TEXT_INPUT, TEXT_ANSWER, TRANSCRIBE = range(151_936, 151_941)
END_OF_AUDIO, AUDIO_PAD, AUDIO_INPUT, AUDIO_ANSWER = range(4_096, 4_100)

FRAME_MS = 20  # of audio behind one Whisper frame
MAX_WHISPER_FRAMES = 1_500  # 30 s, all that the encoder sees


class Task(StrEnum):
    """What goes in and what comes out: A is audio, T is text; the digits are the published code's."""

    SPEECH_TO_SPEECH = "A1A2"
    SPEECH_TO_TEXT = "A1T2"
    TRANSCRIBE = "A1T1"
    TEXT_TO_SPEECH = "T1A2"
    TEXT_TO_TEXT = "T1T2"

    @property
    def speaks(self) -> bool:
        """Whether audio is generated; otherwise only text is."""
        return self in (Task.SPEECH_TO_SPEECH, Task.TEXT_TO_SPEECH)


def audio_id(layer: int, token: int) -> int:
    return TEXT_VOCAB + AUDIO_VOCAB * layer + token


def n_whisper_frames(duration_ms: float) -> int:
    """How many frames of the encoder belong to an utterance."""
    return min(MAX_WHISPER_FRAMES, int(duration_ms) // FRAME_MS + 1)


def prompt(task: Task, *, n_frames: int = 0, text: Sequence[int] = ()) -> Tensor:
    """Build a task's prompt.

    Args:
        n_frames: Whisper frames of the utterance; they replace positions 1..n_frames. 0 for a text task.
        text: token ids of the typed text; empty for a speech task.

    Returns:
        int64 (8, T) ids: 7 audio layers, then text.
    """
    text_row: list[int]
    if task in (Task.TEXT_TO_SPEECH, Task.TEXT_TO_TEXT):
        last = AUDIO_ANSWER if task.speaks else AUDIO_PAD
        audio_row = [AUDIO_PAD] * (len(text) + 2) + [last]
        text_row = [TEXT_INPUT, *text, END_OF_TEXT, TEXT_ANSWER]
    else:
        last = AUDIO_ANSWER if task.speaks else AUDIO_PAD
        audio_row = [AUDIO_INPUT, *[AUDIO_PAD] * n_frames, END_OF_AUDIO, last]
        text_last = TRANSCRIBE if task is Task.TRANSCRIBE else TEXT_ANSWER
        text_row = [TEXT_INPUT, *[TEXT_PAD] * n_frames, END_OF_TEXT, text_last]
    rows = [[audio_id(layer, token) for token in audio_row] for layer in range(N_LAYERS)]
    return torch.tensor([*rows, text_row])


@dataclass(frozen=True)
class Step:
    """What one step picked."""

    audio: tuple[int, ...]  # one token of each audio layer, specials included; empty if the task does not speak
    text: int | None  # None once the text has ended


def frames(steps: Iterable[Step]) -> Iterator[tuple[int, ...]]:
    """Undo the delay pattern: yield each whole frame's 7 codes, in layer order, as soon as it is complete.

    Layer `l` lags `l + 1` steps behind, so frame f is complete with step f + 7. A frame that holds a special token is
    skipped: specials must never reach the codebook.
    """
    columns: list[tuple[int, ...]] = []  # the last 7 steps' audio tokens
    for index, step in enumerate(steps):
        columns.append(step.audio)
        if index < N_LAYERS:
            continue
        columns = columns[-N_LAYERS:]
        codes = tuple(columns[layer][layer] for layer in range(N_LAYERS))
        if max(codes) < N_CODES:
            yield codes
