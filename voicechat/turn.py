"""The record of one turn: what was said, when, and how much of the reply was heard. Pure bookkeeping."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from voicechat.types import AudioChunk, Latency, Outcome, TextDelta, TurnDone, UserTranscript
from voicechat.utterance import Utterance


class Origin(StrEnum):
    """What a turn comes from."""

    SPEECH = "speech"
    TEXT = "text"  # the user typed it
    ENGINE = "engine"  # an announcement
    REPEAT = "repeat"  # an earlier reply, once more


@dataclass
class Turn:
    """Collects what an engine yields for one utterance; a turn that nobody spoke has an utterance that never ends."""

    number: int
    utterance: Utterance
    origin: Origin = Origin.SPEECH
    user_text: str = ""  # what was said as far as it is understood, or what was typed
    typed_at: float | None = None  # time.monotonic()
    repeated: Turn | None = None  # whose reply is spoken once more
    continued: bool = False  # the user went on before anything was heard: the next turn holds this one's audio too
    heard_before_s: float | None = None  # how much the sink had played when the reply began
    chunks: list[AudioChunk] = field(default_factory=list)
    deltas: list[TextDelta] = field(default_factory=list)
    first_text_at: float | None = None  # time.monotonic()
    first_audio_at: float | None = None
    reply_s: float = 0.0  # audio yielded so far

    @property
    def answering(self) -> bool:
        """Whether the user is done and the reply is being made or spoken."""
        return self.origin is not Origin.SPEECH or self.utterance.finished

    def add_transcript(self, event: UserTranscript) -> UserTranscript:
        """Note the user's words; give the event with the turn filled in."""
        self.user_text = self.utterance.words = event.text
        return UserTranscript(event.text, final=event.final, turn=self.number)

    def add_text(self, event: TextDelta) -> TextDelta:
        """Note words of the reply; give the event with the turn and its place in the audio filled in."""
        if self.first_text_at is None:
            self.first_text_at = time.monotonic()
        delta = TextDelta(event.text, turn=self.number, at_s=round(self.reply_s, 3))
        self.deltas.append(delta)
        return delta

    def add_audio(self, chunk: AudioChunk) -> None:
        if self.first_audio_at is None:
            self.first_audio_at = time.monotonic()
        self.chunks.append(chunk)
        self.reply_s += chunk.duration_s

    def done(self, outcome: Outcome, *, heard_s: float, first_heard_at: float | None) -> TurnDone:
        """Close the record.

        Args:
            heard_s: seconds of the reply that were heard.
            first_heard_at: `time.monotonic()` of its first sample, None if nothing was heard.
        """
        complete = outcome is Outcome.COMPLETED
        return TurnDone(
            turn=self.number,
            user_text=self.user_text,
            reply_text=heard_text(self.deltas, heard_s=self.reply_s if complete else heard_s, total_s=self.reply_s),
            outcome=outcome,
            user_s=round(self.utterance.speech_s, 3),
            reply_s=round(heard_s, 3),
            latency=self._latency(first_heard_at),
        )

    def heard_chunks(self, heard_s: float) -> list[AudioChunk]:
        """Give the reply's audio, cut where it stopped being heard."""
        heard: list[AudioChunk] = []
        for chunk in self.chunks:
            n_heard = round(heard_s * chunk.sample_rate)
            if n_heard <= 0:
                break
            heard.append(AudioChunk(chunk.samples[:n_heard], chunk.sample_rate))
            heard_s -= chunk.duration_s
        return heard

    def _latency(self, first_heard_at: float | None) -> Latency:
        zero = self.utterance.ended_at or self.typed_at
        if zero is None:
            return Latency()

        def after_ms(at: float | None) -> float | None:
            return None if at is None else round((at - zero) * 1000, 1)

        return Latency(
            end_of_turn_ms=after_ms(self.utterance.turn_ended_at),
            first_text_ms=after_ms(self.first_text_at),
            first_audio_ms=after_ms(self.first_audio_at),
            first_sound_ms=after_ms(first_heard_at),
        )


def heard_text(deltas: list[TextDelta], *, heard_s: float, total_s: float) -> str:
    """Give the words of a reply that were heard in its first `heard_s` seconds.

    Each delta is spoken from its `at_s` to that of the next (the last one to `total_s`), at an even pace; a word that
    was cut is left out.
    """
    if heard_s >= total_s:
        return "".join(delta.text for delta in deltas).strip()
    heard = ""
    for index, delta in enumerate(deltas):
        end_s = deltas[index + 1].at_s if index + 1 < len(deltas) else total_s
        if heard_s >= end_s:
            heard += delta.text
            continue
        if heard_s > delta.at_s:
            n_chars = int(len(delta.text) * (heard_s - delta.at_s) / (end_s - delta.at_s))
            heard += _whole_words(delta.text, n_chars)
        break
    return heard.strip()


def _whole_words(text: str, n_chars: int) -> str:
    if n_chars >= len(text) or text[n_chars].isspace():
        return text[:n_chars]
    head = text[:n_chars]
    cut = max((index for index, char in enumerate(head) if char.isspace()), default=0)
    return head[:cut]
