"""What Mini-Omni takes here: time and memory of each part, and whether a reply keeps up with its own sound.

Every time is given beside something measured in the same run: a step beside only reading its weights, a reply beside
the sound it makes. Knows nothing of tables or arguments; `measure` gives one value with everything in it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voicechat.models.mini_omni import kernels, random_weights
from voicechat.models.mini_omni.bench_reply import Reply, busy_neighbours, speak
from voicechat.models.mini_omni.generate import generate_batch
from voicechat.models.mini_omni.int8 import Int8MiniOmni, quantize_model
from voicechat.models.mini_omni.model import KVCache, MiniOmni
from voicechat.models.mini_omni.snac import SnacDecoder
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
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, SHORT_MARGIN_S, WhisperEncoder

N_COMPARED = 32  # positions at which the picks of the two models are compared
NAIVE_ROUNDS = 2
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    question_s: float = 3.0
    reply_s: float = 20.0
    text_share: float = 0.25  # of a reply's steps, until its text has ended
    n_rounds: int = 20  # of each short measurement
    n_neighbours: int = 0  # busy processes beside the reply
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
class Load:
    """Loading the 8-bit model in a fresh process."""

    load_s: float
    reading_s: float  # only reading the file into memory
    file_mb: float
    peak_mb: float  # of the process, while loading
    peak_before_mb: float  # before it, all modules imported


@dataclass(frozen=True)
class Report:
    """Everything measured; times in milliseconds."""

    n_threads: int
    kernels: bool
    plan: Plan
    encoder_30_s: Timing
    encoder_short: Timing  # the question and SHORT_MARGIN_S of silence
    prefill: Timing
    two_rows: Step
    one_row: Step
    voice_per_frame: Timing
    reply: Reply
    reply_with_neighbours: Reply | None
    closeness: Closeness
    load: Load | None
    naive: Naive | None
    first_audio_ms: float  # from the end of the turn, nothing done before it; the exact encoder
    first_audio_short_ms: float  # the same with the short context
    first_audio_ahead_ms: float  # the same, encoder and prefill done in the pause before the end of the turn


def measure(
    model: MiniOmni, encoder: WhisperEncoder, voice: SnacDecoder, plan: Plan, progress: Progress = lambda _: None
) -> Report:
    """Measure everything. The float32 model given is emptied: its weights become the 8-bit ones."""
    generator = torch.Generator().manual_seed(0)
    n_frames = n_whisper_frames(plan.question_s * 1000)
    features = torch.randn(n_frames, model.config.whisper_adapter_dim, generator=generator)
    naive = None
    if plan.naive:
        progress("the published code's order of work, in float32")
        naive = _naive(model, encoder, voice, plan)
    progress("how close 8 bits are")
    exact = _logits(model, features)
    quantized = quantize_model(model)
    closeness = _closeness(exact, _logits(quantized, features))
    progress("the encoder")
    long, short = (_encoder(encoder, plan, margin_s) for margin_s in (None, SHORT_MARGIN_S))
    progress("the language model")
    prefill = _prefill(quantized, features, plan)
    two_rows, one_row = (_step(quantized, n_rows, plan) for n_rows in (2, 1))
    progress("the voice")
    per_frame = _voice(voice, plan)
    progress(f"a reply of {plan.reply_s:g} s")
    reply = speak(quantized, voice, features, reply_s=plan.reply_s, text_share=plan.text_share)
    disturbed = None
    if plan.n_neighbours:
        progress(f"the same beside {plan.n_neighbours} busy processes")
        with busy_neighbours(plan.n_neighbours):
            disturbed = speak(quantized, voice, features, reply_s=plan.reply_s, text_share=plan.text_share)
    progress("loading")
    return Report(
        n_threads=kernels.n_threads(),
        kernels=kernels.library() is not None,
        plan=plan,
        encoder_30_s=long,
        encoder_short=short,
        prefill=prefill,
        two_rows=two_rows,
        one_row=one_row,
        voice_per_frame=per_frame,
        reply=reply,
        reply_with_neighbours=disturbed,
        closeness=closeness,
        load=_load(quantized),
        naive=naive,
        first_audio_ms=long.median_ms + reply.first_audio_ms,
        first_audio_short_ms=short.median_ms + reply.first_audio_ms,
        first_audio_ahead_ms=reply.first_audio_ms - prefill.median_ms,
    )


def timed(run: Callable[[], object], n_rounds: int, *, warm_up: bool = True) -> list[float]:
    """Give the seconds of each round."""
    if warm_up:
        run()
    seconds = []
    for _ in range(n_rounds):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds


def report_load(folder: str) -> None:
    """Load a model and write to stdout, as JSON, what it took; for a process of its own."""
    import safetensors.torch  # noqa: F401  (what loading imports is no part of it)
    import yaml  # type: ignore[import-untyped]  # noqa: F401

    from voicechat.models.mini_omni import checkpoint

    kernels.library()
    before_mb = _peak_mb()
    path = Path(folder) / checkpoint.INT8
    reading, load = [], []
    for _ in range(2):  # in turns, both from the disk
        _forget(path)
        reading += timed(path.read_bytes, 1, warm_up=False)
        _forget(path)
        load += timed(lambda: checkpoint.load_int8(Path(folder)), 1, warm_up=False)
    took = Load(min(load), min(reading), path.stat().st_size / 1e6, peak_mb=_peak_mb(), peak_before_mb=before_mb)
    sys.stdout.write(json.dumps(asdict(took)))


def _encoder(encoder: WhisperEncoder, plan: Plan, margin_s: float | None) -> Timing:
    question = _question(plan)
    n_rounds = max(2, plan.n_rounds // (10 if margin_s is None else 4))
    return Timing.of(timed(lambda: encoder.hear(question, margin_s=margin_s), n_rounds))


@torch.inference_mode()
def _prefill(model: MiniOmni, features: Tensor, plan: Plan) -> Timing:
    def first_step() -> None:
        steps = generate_batch(model, features, max_new_tokens=1)
        next(steps)

    return Timing.of(timed(first_step, max(2, plan.n_rounds // 5)))


@torch.inference_mode()
def _step(model: Int8MiniOmni, n_rows: int, plan: Plan) -> Step:
    """Time a step in the middle of a reply, in turns with reading as many bytes as it must."""
    position = min(300, model.config.block_size // 2)
    cache = KVCache(model.config, batch=n_rows, n_positions=position + plan.n_rounds + 1, like=_like(model))
    cache.position = position
    n_head_rows = model.config.padded_vocab_size - (TEXT_VOCAB if n_rows == 1 else 0)
    blocks = (buffer for buffer in model.transformer.h.buffers() if buffer.dtype == torch.int8)
    read_bytes = sum(weight.nbytes for weight in blocks) + n_head_rows * model.config.n_embd
    block = kernels.prefer_large_pages(torch.empty(read_bytes // 8 * 8, dtype=torch.int8)).zero_()
    ids = torch.randint(TEXT_VOCAB, (n_rows, N_LAYERS + 1, 1))

    def step() -> None:
        with model.threads():
            hidden = model(model.embed(ids), cache)
            model.audio_logits(hidden[:1]).argmax(dim=-1).tolist()
            if n_rows == 2:
                int(model.text_logits(hidden[1:]).argmax())

    taken, reading = [], []
    for _ in range(plan.n_rounds):
        taken += timed(step, 1, warm_up=False)
        reading += timed(lambda: kernels.read_bytes(block), 1, warm_up=False)
    return Step(Timing.of(taken), Timing.of(reading), read_bytes)


@torch.inference_mode()
def _voice(voice: SnacDecoder, plan: Plan) -> Timing:
    """Time a frame in the middle of a stream."""
    stream = voice.stream(noise_seed=0)
    codes = torch.randint(N_CODES, (N_LAYERS, 1))
    return Timing.of(timed(lambda: stream.push(codes), plan.n_rounds + 4)[4:])


@torch.inference_mode()
def _logits(model: MiniOmni, features: Tensor) -> Tensor:
    """Give the whole vocabulary's logits at some positions of a reply that is dictated, (n, padded_vocab_size)."""
    ids = prompt(Task.SPEECH_TO_SPEECH, n_frames=len(features))
    dictated = torch.randint(N_CODES, (N_COMPARED, N_LAYERS + 1, 1), generator=torch.Generator().manual_seed(0))
    dictated[:, :N_LAYERS] += audio_id(0, 0) + torch.arange(N_LAYERS)[:, None] * AUDIO_VOCAB
    cache = KVCache(model.config, batch=1, n_positions=ids.shape[1] + N_COMPARED, like=_like(model))
    logits = []
    with model.threads():
        hidden = model(model.embed(ids[None], features), cache)
        for position in dictated:
            logits.append(torch.cat((model.text_logits(hidden), model.audio_logits(hidden).flatten(1)), dim=1))
            hidden = model(model.embed(position[None]), cache)
    return torch.cat(logits)


def _closeness(exact: Tensor, close: Tensor) -> Closeness:
    text = (exact[:, :TEXT_VOCAB].argmax(-1) == close[:, :TEXT_VOCAB].argmax(-1)).float()
    audio = [logits[:, TEXT_VOCAB:].unflatten(1, (N_LAYERS, -1)).argmax(-1) for logits in (exact, close)]  # type: ignore[no-untyped-call]
    return Closeness(
        text_top1=float(text.mean()),
        audio_top1=float((audio[0] == audio[1]).float().mean()),
        logit_error=float((close - exact).norm() / exact.norm()),
    )


@torch.inference_mode()
def _naive(model: MiniOmni, encoder: WhisperEncoder, voice: SnacDecoder, plan: Plan) -> Naive:
    """Answer as the published code does: all of it after the end of the turn, four whole frames before any sound."""
    question = _question(plan)
    steps: list[float] = []
    totals = []
    for _ in range(NAIVE_ROUNDS):
        started = time.perf_counter()
        heard = encoder.hear(question, margin_s=None)
        assert heard is not None
        rows = [prompt(task, n_frames=len(heard.features)) for task in (Task.SPEECH_TO_SPEECH, Task.SPEECH_TO_TEXT)]
        embedded = model.embed(torch.stack(rows), heard.features)
        cache = KVCache(model.config, batch=2, n_positions=embedded.shape[1] + 16, like=_like(model))
        hidden = model(embedded, cache)
        model.lm_head(embedded)  # the head on every position
        ids = torch.stack(rows)[:, :, -1:]
        for _ in range(N_LAYERS + 3):  # the fourth frame is complete so many steps after the first
            step_started = time.perf_counter()
            hidden = model(model.embed(ids), cache)
            model.lm_head(hidden).argmax(dim=-1).tolist()
            steps.append(time.perf_counter() - step_started)
        voice.decode(torch.zeros(N_LAYERS, 4, dtype=torch.int64), noise_seed=0)
        totals.append(time.perf_counter() - started)
    return Naive(min(totals) * 1e3, Timing.of(steps))


def _load(model: Int8MiniOmni) -> Load | None:
    """Load the model in a fresh process; None where the system does not tell a process's memory."""
    if importlib.util.find_spec("resource") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        random_weights.write_int8_checkpoint(model, Path(folder))
        code = "import sys; from voicechat.models.mini_omni import bench; bench.report_load(sys.argv[1])"
        result = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, check=True)
        return Load(**json.loads(result.stdout))


def _forget(path: Path) -> None:
    """Have the system read a file from the disk when it is next asked for, if it can be told."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # what is not on the disk yet stays in memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _peak_mb() -> float:
    """Give the most memory that this process has held; on Linux, not what it inherited when it was forked."""
    import resource

    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)


def _question(plan: Plan) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(int(plan.question_s * SAMPLE_RATE))
    return (0.1 * noise).astype(np.float32)


def _like(model: MiniOmni) -> Tensor:
    return model.transformer.ln_f.weight
