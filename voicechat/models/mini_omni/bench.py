"""What Mini-Omni takes here: time and memory of each part, and whether a reply keeps up with its own sound.

Every time is given beside something measured in the same run: a step beside only reading its weights, a reply beside
the sound it makes. Knows nothing of tables or arguments; `measure` gives one value with everything in it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from voicechat.models.device import memory_watched
from voicechat.models.mini_omni import bench_load, kernels
from voicechat.models.mini_omni.bench_load import Load
from voicechat.models.mini_omni.bench_parts import Parts
from voicechat.models.mini_omni.bench_reply import Reply, busy_neighbours, sounds, speak
from voicechat.models.mini_omni.generate import generate_batch
from voicechat.models.mini_omni.model import KVCache, MiniOmni
from voicechat.models.mini_omni.snac import SnacDecoder
from voicechat.models.mini_omni.split import on_matrix_unit
from voicechat.models.mini_omni.stepping import Row, greedy, stepper
from voicechat.models.mini_omni.tokens import (
    AUDIO_VOCAB,
    N_CODES,
    N_LAYERS,
    TEXT_VOCAB,
    Task,
    audio_id,
    n_whisper_frames,
    prompt,
)
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, SHORT_MARGIN_S, WhisperEncoder, log_mel

MAX_BLOCK_BYTES = 1 << 29  # that reading is measured on; more than any cache
NAIVE_ROUNDS = 2
Progress = Callable[[str], None]  # told what is being done


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    question_s: float = 3.0
    reply_s: float = 20.0
    ahead_ms: float = 440.0  # between the pause in which work begins and the end of the turn
    text_share: float = 0.25  # of a reply's steps, until its text has ended
    n_rounds: int = 20  # of each short measurement
    n_compared: int = 32  # positions at which the picks of two precisions are compared
    n_neighbours: int = 0  # busy processes beside a second reply
    naive: bool = False  # whether the published code's order of work is measured, too


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one thing over all rounds."""

    min_ms: float
    median_ms: float

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        return cls(min(seconds) * 1e3, statistics.median(seconds) * 1e3)


@dataclass(frozen=True)
class Step:
    """One step of the language model, and only reading the weights that it reads, in turns with it."""

    step: Timing
    reading: Timing
    read_bytes: int

    @property
    def of_reading(self) -> float:
        return self.step.min_ms / self.reading.min_ms

    @property
    def per_s(self) -> float:
        return 1000 / self.step.min_ms


@dataclass(frozen=True)
class Closeness:
    """How close the 8-bit model's picks are to the float one's, both fed the same."""

    text_top1: float  # share of the positions where the likeliest text token is the same
    audio_top1: float
    logit_error: float  # root mean square, relative to the logits'


@dataclass(frozen=True)
class Naive:
    """The published code's order of work: float32, both rows and the whole vocabulary to the end, 4 frames at once."""

    first_audio_ms: float  # from the end of the turn, the encoder included
    step: Timing


@dataclass(frozen=True)
class Report:
    """Everything measured."""

    device: str
    precision: str  # of the language model
    random_weights: bool
    n_threads: int  # of the compiled kernels, on a CPU
    kernels: bool  # whether there are any
    plan: Plan
    encoder: Timing  # exact, 30 s
    encoder_error: float  # root mean square against float32 in torch, relative to the features
    encoder_short: Timing  # the question and SHORT_MARGIN_S of silence
    prefill: Timing
    first_sound: Timing  # from the features on, prefill included
    two_rows: Step
    one_row: Step
    voice_per_frame: Timing
    reply: Reply
    reply_with_neighbours: Reply | None
    closeness: Closeness | None  # None for float32
    load: Load | None
    naive: Naive | None
    gpu_peak_mb: float | None

    @property
    def hidden_share(self) -> float:
        """Of the encoder's and the prefill's work, how much is done by the end of the turn."""
        return min(1.0, self.plan.ahead_ms / (self.encoder.median_ms + self.prefill.median_ms))

    @property
    def first_audio_ms(self) -> float:
        """From the end of the turn, the work begun in the pause before it."""
        return max(0.0, self.first_audio_unprepared_ms - self.plan.ahead_ms)

    @property
    def first_audio_unprepared_ms(self) -> float:
        """The same, nothing done before the end of the turn."""
        return self.encoder.median_ms + self.first_sound.median_ms

    @property
    def first_audio_short_ms(self) -> float:
        """As first_audio_ms, with the encoder's short context."""
        return max(0.0, self.encoder_short.median_ms + self.first_sound.median_ms - self.plan.ahead_ms)


def measure(parts: Parts, plan: Plan, progress: Progress = lambda _: None) -> Report:
    """Measure everything; of the models given nothing can be used afterwards.

    Raises:
        DeviceMemoryError: If the device has not enough memory.
    """
    on_gpu = parts.device.name.startswith("cuda")
    current = torch.cuda.device(parts.device.name) if on_gpu else nullcontext()  # the one that `timed` waits for
    with current, memory_watched(parts.device.name), torch.inference_mode():
        return _measure(parts, plan, progress)


def _measure(parts: Parts, plan: Plan, progress: Progress) -> Report:
    device, encoder, voice = torch.device(parts.device.name), parts.encoder, parts.voice
    naive = closeness = disturbed = None
    features = torch.randn(
        n_whisper_frames(plan.question_s * 1000),
        parts.model.config.whisper_adapter_dim,
        generator=torch.Generator().manual_seed(0),
    ).to(device)
    if plan.naive:
        progress("measuring the published code's order of work, in float32")
        naive = _naive(parts, plan)
    if parts.precision == "float32":
        model = parts.in_precision()
    else:
        progress(f"measuring how close {parts.precision} is to float32")
        exact = _logits(parts.model, features, plan)
        model = parts.in_precision()
        closeness = _closeness(exact, _logits(model, features, plan))
    features = features.to(_like(model).dtype)
    progress("measuring the encoder")
    reference = _heard(encoder, plan)
    if parts.precision == "int8":
        encoder = on_matrix_unit(encoder)
    long, short = (_encoder(encoder, plan, margin_s) for margin_s in (None, SHORT_MARGIN_S))
    progress("measuring the language model")
    prefill, first_sound = _prefill(model, features, plan), _first_sound(model, voice, features, plan)
    two_rows, one_row = (_step(model, n_rows, plan) for n_rows in (2, 1))
    progress("measuring the voice")
    per_frame = _voice(voice, plan)
    progress(f"measuring a reply of {plan.reply_s:g} s")
    reply = speak(model, voice, features, reply_s=plan.reply_s, text_share=plan.text_share)
    if plan.n_neighbours:
        progress(f"measuring the same beside {plan.n_neighbours} busy processes")
        with busy_neighbours(plan.n_neighbours):
            disturbed = speak(model, voice, features, reply_s=plan.reply_s, text_share=plan.text_share)
    progress("measuring how long loading takes")
    return Report(
        device=parts.device.name,
        precision=parts.precision,
        random_weights=parts.folder is None,
        n_threads=kernels.n_threads(),
        kernels=kernels.library() is not None,
        plan=plan,
        encoder=long,
        encoder_error=float((_heard(encoder, plan) - reference).norm() / reference.norm()),
        encoder_short=short,
        prefill=prefill,
        first_sound=first_sound,
        two_rows=two_rows,
        one_row=one_row,
        voice_per_frame=per_frame,
        reply=reply,
        reply_with_neighbours=disturbed,
        closeness=closeness,
        load=bench_load.measure(model, parts.folder and parts.folder / "checkpoint"),
        naive=naive,
        gpu_peak_mb=torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else None,
    )


def timed(run: Callable[[], object], n_rounds: int, *, warm_up: bool = True) -> list[float]:
    """Give the seconds of each round; a GPU's work is waited for."""
    if warm_up:
        run()
    seconds = []
    for _ in range(n_rounds):
        _wait_for_gpu()
        started = time.perf_counter()
        run()
        _wait_for_gpu()
        seconds.append(time.perf_counter() - started)
    return seconds


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def _encoder(encoder: WhisperEncoder, plan: Plan, margin_s: float | None) -> Timing:
    question = _question(plan)
    n_rounds = max(2, plan.n_rounds // 4)
    return Timing.of(timed(lambda: encoder.hear(question, margin_s=margin_s), n_rounds))


def _heard(encoder: WhisperEncoder, plan: Plan) -> Tensor:
    heard = encoder.hear(_question(plan))
    assert heard is not None
    return heard.features


def _prefill(model: MiniOmni, features: Tensor, plan: Plan) -> Timing:
    def first_step() -> None:
        with closing(generate_batch(model, features, max_new_tokens=1)) as steps:
            next(steps)

    return Timing.of(timed(first_step, max(2, plan.n_rounds // 4)))


def _first_sound(model: MiniOmni, voice: SnacDecoder, features: Tensor, plan: Plan) -> Timing:
    def first_sound() -> None:
        with closing(sounds(model, voice, features, reply_s=plan.reply_s, text_share=plan.text_share)) as reply:
            next(n_samples for n_samples in reply if n_samples)

    return Timing.of(timed(first_sound, max(2, plan.n_rounds // 4)))


def _step(model: MiniOmni, n_rows: int, plan: Plan) -> Step:
    """Time a step in the middle of a reply, in turns with reading as many bytes as it must."""
    position = min(300, model.config.block_size // 2)
    n_head_rows = model.config.padded_vocab_size - (TEXT_VOCAB if n_rows == 1 else 0)
    blocks = [
        tensor for tensor in (*model.transformer.h.parameters(), *model.transformer.h.buffers()) if tensor.dim() == 2
    ]
    head_bytes = n_head_rows * model.config.n_embd * blocks[0].element_size()
    read_bytes = sum(weight.nbytes for weight in blocks) + head_bytes
    block = torch.empty(min(read_bytes, MAX_BLOCK_BYTES) // 8 * 8, dtype=torch.int8, device=_like(model).device)
    kernels.prefer_large_pages(block).zero_()
    rows: list[Row] = [(torch.randint(N_CODES, (N_LAYERS,)).tolist(), 0) for _ in range(n_rows)]
    taken, reading = [], []
    with stepper(model, batch=2, n_positions=position + plan.n_rounds + 2) as replying:
        replying.cache.position = position

        def step() -> None:
            with model.threads():
                replying.step(rows, greedy, speaks=True, writes=n_rows == 2).tolist()

        for index in range(plan.n_rounds + 1):  # the first warms up
            taken += timed(step, 1, warm_up=False)[:index]
            reading += timed(lambda: kernels.read_bytes(block), 1, warm_up=False)
    reading = [seconds * read_bytes / block.nbytes for seconds in reading]
    return Step(Timing.of(taken), Timing.of(reading), read_bytes)


def _voice(voice: SnacDecoder, plan: Plan) -> Timing:
    """Time a frame in the middle of a stream."""
    stream = voice.stream(noise_seed=0)
    codes = torch.randint(N_CODES, (N_LAYERS, 1))
    return Timing.of(timed(lambda: stream.push(codes), plan.n_rounds + 4)[4:])


def _logits(model: MiniOmni, features: Tensor, plan: Plan) -> Tensor:
    """Give the whole vocabulary's logits at some positions of a reply that is dictated, (n, padded_vocab_size)."""
    like = _like(model)
    ids = prompt(Task.SPEECH_TO_SPEECH, n_frames=len(features)).to(like.device)
    dictated = torch.randint(N_CODES, (plan.n_compared, N_LAYERS + 1, 1), generator=torch.Generator().manual_seed(0))
    dictated[:, :N_LAYERS] += audio_id(0, 0) + torch.arange(N_LAYERS)[:, None] * AUDIO_VOCAB
    dictated = dictated.to(like.device)
    cache = KVCache(model.config, batch=1, n_positions=ids.shape[1] + plan.n_compared, like=like)
    logits = []
    with model.threads():
        hidden = model(model.embed(ids[None], features.to(like.dtype)), cache)
        for position in dictated:
            logits.append(torch.cat((model.text_logits(hidden), model.audio_logits(hidden).flatten(1)), dim=1))
            hidden = model(model.embed(position[None]), cache)
    return torch.cat(logits).float()


def _closeness(exact: Tensor, close: Tensor) -> Closeness:
    text = (exact[:, :TEXT_VOCAB].argmax(-1) == close[:, :TEXT_VOCAB].argmax(-1)).float()
    audio = [logits[:, TEXT_VOCAB:].unflatten(1, (N_LAYERS, -1)).argmax(-1) for logits in (exact, close)]  # type: ignore[no-untyped-call]
    return Closeness(
        text_top1=float(text.mean()),
        audio_top1=float((audio[0] == audio[1]).float().mean()),
        logit_error=float((close - exact).norm() / exact.norm()),
    )


def _naive(parts: Parts, plan: Plan) -> Naive:
    """Answer as the published code does: all of it after the end of the turn, four whole frames before any sound."""
    model, encoder, voice = parts.model, parts.encoder, parts.voice
    question, device = torch.from_numpy(_question(plan)), _like(parts.model).device
    n_frames = n_whisper_frames(plan.question_s * 1000)
    steps: list[float] = []
    totals = []
    for _ in range(NAIVE_ROUNDS):
        started = time.perf_counter()
        features = encoder(log_mel(question.to(device)))[:n_frames]
        rows = [prompt(task, n_frames=len(features)) for task in (Task.SPEECH_TO_SPEECH, Task.SPEECH_TO_TEXT)]
        ids = torch.stack(rows).to(device)
        embedded = model.embed(ids, features)
        cache = KVCache(model.config, batch=2, n_positions=embedded.shape[1] + 16, like=_like(model))
        hidden = model(embedded, cache)
        model.lm_head(embedded)  # the head on every position
        ids = ids[:, :, -1:]
        for _ in range(N_LAYERS + 3):  # the fourth frame is complete so many steps after the first
            step_started = time.perf_counter()
            hidden = model(model.embed(ids), cache)
            model.lm_head(hidden).argmax(dim=-1).tolist()
            steps.append(time.perf_counter() - step_started)
        voice.decode(torch.zeros(N_LAYERS, 4, dtype=torch.int64), noise_seed=0)
        totals.append(time.perf_counter() - started)
    return Naive(min(totals) * 1e3, Timing.of(steps))


def _question(plan: Plan) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(int(plan.question_s * SAMPLE_RATE))
    return (0.1 * noise).astype(np.float32)


def _like(model: MiniOmni) -> Tensor:
    return model.transformer.ln_f.weight
