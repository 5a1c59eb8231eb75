"""Which way of calling a checkpoint wants: by the model_type in its config.json."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.errors import ConfigError
from voicechat.models import weights
from voicechat.models.speech_to_text.calling import Place, Recognizer, Wishes
from voicechat.models.speech_to_text.ctc import CtcRecognizer
from voicechat.models.speech_to_text.instructed import Qwen3AsrRecognizer, VoxtralRecognizer
from voicechat.models.speech_to_text.seq2seq import Seq2SeqRecognizer
from voicechat.models.speech_to_text.transducer import TransducerRecognizer

CALLED: dict[str, Callable[[Place, Wishes], Recognizer]] = {
    "moonshine": Seq2SeqRecognizer,
    "parakeet_ctc": CtcRecognizer,
    "parakeet_rnnt": TransducerRecognizer,
    "parakeet_tdt": TransducerRecognizer,
    "qwen3_asr": Qwen3AsrRecognizer,
    "voxtral": VoxtralRecognizer,
    "data2vec-audio": CtcRecognizer,
    "hubert": CtcRecognizer,
    "wav2vec2": CtcRecognizer,
    "wav2vec2-bert": CtcRecognizer,
    "wav2vec2-conformer": CtcRecognizer,
    "wavlm": CtcRecognizer,
}


def load(place: Place, wishes: Wishes) -> Recognizer:
    """Load a checkpoint.

    Raises:
        ConfigError: If it is of a kind that is not known here, or cannot do what is wished.
        ModelError: If it cannot be loaded.
    """
    kind = weights.read_json(place.folder / "config.json").get("model_type")
    if kind == "whisper":
        raise ConfigError(f"{place.name} is a Whisper; use --asr whisper --model {place.name}")
    if kind not in CALLED:
        raise ConfigError(f"{place.name} is of the kind {kind!r:.40}; known: {', '.join(CALLED)}")
    return CALLED[kind](place, wishes)
