"""What `bench.measure` found, for a person, for a program, and against what was promised."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from voicechat.models.mini_omni.bench import Report, Step, Timing
from voicechat.models.mini_omni.bench_reply import Reply

# What is promised of the language model in 8 bits, on two cores of a CPU.
REALTIME_FACTOR_LIMIT = 0.8
READING_RATIO_LIMIT = 1.4  # of a step of the language model
STEPS_PER_S_LIMIT = 17.5  # llama.cpp's, 8 bits, the same shapes, two cores with AVX512-VNNI, nothing beside it
NAIVE_RATIO_LIMIT = 6.0  # how many times sooner the first sound is than with the published code's order of work
HIDDEN_SHARE_LIMIT = 0.8  # of the encoder's and the prefill's work, done by the end of the turn
START_BUFFER_LIMIT_MS = 200.0
NEIGHBOUR_RATIO_LIMIT = 2.0  # how much slower a reply is beside busy processes
PEAK_RATIO_LIMIT, PEAK_EXTRA_MB = 1.3, 500.0  # of memory: times the file, and more
LOAD_RATIO_LIMIT = 2.0  # of reading the file


def rows(report: Report) -> list[tuple[str, str]]:
    """Give what was measured and its value, in the order of the work."""
    plan = report.plan
    found = [
        ("language model", _where(report)),
        *_load_rows(report),
        ("encoder, exact (30 s)", f"{_time(report.encoder)}{_encoder_error(report)}"),
        ("encoder, short context", _time(report.encoder_short)),
        (f"prefill of a {plan.question_s:g} s question", _time(report.prefill)),
        ("step while text is written", _step(report.two_rows)),
        ("step once the text has ended", _step(report.one_row)),
        ("voice, a frame of 85 ms", _time(report.voice_per_frame)),
        *_closeness_rows(report),
        ("encoder and prefill, done by the end of the turn", f"{report.hidden_share:.0%}, in {plan.ahead_ms:.0f} ms"),
        ("first sound after the end of the turn", f"{report.first_audio_ms:.0f} ms"),
        ("  with the short context", f"{report.first_audio_short_ms:.0f} ms"),
        ("  nothing done before", f"{report.first_audio_unprepared_ms:.0f} ms"),
    ]
    found += [(f"a reply of {plan.reply_s:g} s{beside}", _reply(reply)) for beside, reply in _replies(report)]
    if report.naive is not None:
        found += [
            ("first sound, published order of work", f"{report.naive.first_audio_ms:.0f} ms{_later(report)}"),
            ("step, published order of work", _time(report.naive.step)),
        ]
    return found


def as_json(report: Report) -> dict[str, Any]:
    """Give everything as plain values; with the ratios, which are the point of it."""
    derived = ("hidden_share", "first_audio_ms", "first_audio_unprepared_ms", "first_audio_short_ms")
    return {
        **asdict(report),
        **{name: getattr(report, name) for name in derived},
        "step_of_reading": {"two_rows": report.two_rows.of_reading, "one_row": report.one_row.of_reading},
        "failures": failures(report),
    }


def failures(report: Report) -> list[str]:
    """Say which promises do not hold here; they are made of 8 bits on a CPU, so anything else breaks none."""
    if report.precision != "int8":
        return []
    found = []
    for name, step in (("with text", report.two_rows), ("without text", report.one_row)):
        if step.of_reading > READING_RATIO_LIMIT:
            found.append(f"a step {name} takes {step.of_reading:.2f} times as long as reading its weights")
    if report.two_rows.per_s < STEPS_PER_S_LIMIT:
        found.append(f"{report.two_rows.per_s:.1f} steps/s are not more than llama.cpp's")
    if report.hidden_share < HIDDEN_SHARE_LIMIT:
        found.append(f"only {report.hidden_share:.0%} of encoder and prefill are done by the end of the turn")
    return found + _reply_failures(report) + _load_failures(report)


def _reply_failures(report: Report) -> list[str]:
    found = []
    alone, disturbed = report.reply, report.reply_with_neighbours
    if alone.realtime_factor > REALTIME_FACTOR_LIMIT:
        found.append(f"the real-time factor is {alone.realtime_factor:.2f}")
    if disturbed is not None and disturbed.realtime_factor > NEIGHBOUR_RATIO_LIMIT * alone.realtime_factor:
        times = disturbed.realtime_factor / alone.realtime_factor
        found.append(f"a reply takes {times:.1f} times as long beside {report.plan.n_neighbours} busy processes")
    for beside, reply in _replies(report):
        if reply.start_buffer_ms > START_BUFFER_LIMIT_MS:
            found.append(f"a player must hold back {reply.start_buffer_ms:.0f} ms of sound{beside}")
    if report.naive is not None and report.naive.first_audio_ms < NAIVE_RATIO_LIMIT * report.first_audio_ms:
        found.append(f"the published order of work takes only {report.naive.first_audio_ms:.0f} ms{_later(report)}")
    return found


def _load_failures(report: Report) -> list[str]:
    if (load := report.load) is None:
        return []
    found = []
    if load.load_s > LOAD_RATIO_LIMIT * load.reading_s:
        found.append(f"loading takes {load.load_s / load.reading_s:.1f} times as long as reading the file")
    if load.peak_mb > PEAK_RATIO_LIMIT * load.file_mb + PEAK_EXTRA_MB:
        found.append(f"loading takes {load.peak_mb:.0f} MB at most for a file of {load.file_mb:.0f} MB")
    return found


def _where(report: Report) -> str:
    kind = "random weights" if report.random_weights else "published weights"
    if report.device != "cpu":
        used = "" if report.gpu_peak_mb is None else f", {report.gpu_peak_mb:.0f} MB of its memory at most"
        return f"{report.precision} on {report.device}, {kind}{used}"
    threads = f"{report.n_threads} threads" if report.kernels else "no C compiler: torch alone"
    return f"{report.precision} on the CPU, {threads}, {kind}"


def _load_rows(report: Report) -> list[tuple[str, str]]:
    if (load := report.load) is None:
        return []
    return [
        ("loading", f"{load.load_s:.2f} s; only reading the {load.file_mb:.0f} MB: {load.reading_s:.2f} s"),
        ("memory, at most", f"{load.peak_mb:.0f} MB, {load.peak_before_mb:.0f} MB of it torch and voicechat"),
    ]


def _closeness_rows(report: Report) -> list[tuple[str, str]]:
    if (closeness := report.closeness) is None:
        return []
    picks = f"text {closeness.text_top1:.0%}, audio {closeness.audio_top1:.0%}"
    return [
        (
            f"{report.precision} picks the same as float32",
            f"{picks}; logits differ by {closeness.logit_error:.1%} (root mean square)",
        )
    ]


def _encoder_error(report: Report) -> str:
    return f"; {report.encoder_error:.0e} of the features off float32 in torch" if report.encoder_error else ""


def _replies(report: Report) -> list[tuple[str, Reply]]:
    beside = f" beside {report.plan.n_neighbours} busy processes"
    replies = [("", report.reply), (beside, report.reply_with_neighbours)]
    return [(name, reply) for name, reply in replies if reply is not None]


def _time(timing: Timing) -> str:
    return f"{timing.min_ms:.1f} ms, median {timing.median_ms:.1f}"


def _step(step: Step) -> str:
    gigabytes_per_s = step.read_bytes / step.reading.min_ms / 1e6
    return (
        f"{_time(step.step)}: {step.per_s:.1f} steps/s, "
        f"{step.of_reading:.2f} times reading {step.read_bytes / 1e6:.0f} MB ({gigabytes_per_s:.1f} GB/s)"
    )


def _reply(reply: Reply) -> str:
    return (
        f"real-time factor {reply.realtime_factor:.2f}, slowest step {reply.slowest_step_ms:.0f} ms, "
        f"start buffer needed {reply.start_buffer_ms:.0f} ms"
    )


def _later(report: Report) -> str:
    assert report.naive is not None
    if report.first_audio_ms == 0:
        return ", where ours is ready"
    return f", {report.naive.first_audio_ms / report.first_audio_ms:.1f} times as long as ours"
