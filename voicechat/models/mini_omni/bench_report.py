"""What `bench.measure` found, for a person, for a program, and against what was promised."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from voicechat.models.mini_omni.bench import Report, Step, Timing

REALTIME_FACTOR_LIMIT = 0.8
READING_RATIO_LIMIT = 1.4  # of a step of the language model
NAIVE_RATIO_LIMIT = 6.0  # how many times sooner the first sound is than with the published code's order of work
START_BUFFER_LIMIT_MS = 200.0
PEAK_RATIO_LIMIT, PEAK_EXTRA_MB = 1.3, 500.0  # of memory: times the file, and more
LOAD_RATIO_LIMIT = 2.0  # of reading the file


def rows(report: Report) -> list[tuple[str, str]]:
    """Give what was measured and its value, in the order of the work."""
    found = [
        ("threads", f"{report.n_threads}, {'compiled kernels' if report.kernels else 'no C compiler: torch alone'}"),
        *_load_rows(report),
        ("encoder, exact (30 s)", _time(report.encoder_30_s)),
        ("encoder, short context", _time(report.encoder_short)),
        (f"prefill of a {report.plan.question_s:g} s question", _time(report.prefill)),
        ("step while text is written", _step(report.two_rows)),
        ("step once the text has ended", _step(report.one_row)),
        ("voice, a frame of 85 ms", _time(report.voice_per_frame)),
        ("8 bits pick the same as float32", _closeness(report)),
        ("first sound after the question", f"{report.first_audio_ms:.0f} ms"),
        ("  with the short context", f"{report.first_audio_short_ms:.0f} ms"),
        ("  encoder and prefill done before", f"{report.first_audio_ahead_ms:.0f} ms"),
    ]
    found += [(f"a reply of {report.plan.reply_s:g} s{beside}", _reply(reply)) for beside, reply in _replies(report)]
    if report.naive is not None:
        found += [
            ("first sound, published order of work", f"{report.naive.first_audio_ms:.0f} ms, {_sooner(report)}"),
            ("step, published order of work", _time(report.naive.step)),
        ]
    return found


def as_json(report: Report) -> dict[str, Any]:
    """Give everything as plain values; with the ratios, which are the point of it."""
    return {
        **asdict(report),
        "step_of_reading": {"two_rows": report.two_rows.of_reading, "one_row": report.one_row.of_reading},
        "failures": failures(report),
    }


def failures(report: Report) -> list[str]:
    """Say which promises do not hold here."""
    found = []
    for name, step in (("with text", report.two_rows), ("without text", report.one_row)):
        if step.of_reading > READING_RATIO_LIMIT:
            found.append(f"a step {name} takes {step.of_reading:.2f} times as long as reading its weights")
    for beside, reply in _replies(report):
        if not beside and reply.realtime_factor > REALTIME_FACTOR_LIMIT:
            found.append(f"the real-time factor is {reply.realtime_factor:.2f}")
        if reply.start_buffer_ms > START_BUFFER_LIMIT_MS:
            found.append(f"a player must hold back {reply.start_buffer_ms:.0f} ms of sound{beside}")
    if report.naive is not None and report.naive.first_audio_ms < NAIVE_RATIO_LIMIT * report.first_audio_ahead_ms:
        found.append(f"the published order of work takes only {_sooner(report)} to the first sound")
    if (load := report.load) is not None:
        if load.load_s > LOAD_RATIO_LIMIT * load.reading_s:
            found.append(f"loading takes {load.load_s / load.reading_s:.1f} times as long as reading the file")
        if load.peak_mb > PEAK_RATIO_LIMIT * load.file_mb + PEAK_EXTRA_MB:
            found.append(f"loading takes {load.peak_mb:.0f} MB at most for a file of {load.file_mb:.0f} MB")
    return found


def _load_rows(report: Report) -> list[tuple[str, str]]:
    if (load := report.load) is None:
        return []
    return [
        ("loading", f"{load.load_s:.2f} s; only reading the {load.file_mb:.0f} MB: {load.reading_s:.2f} s"),
        ("memory, at most", f"{load.peak_mb:.0f} MB, {load.peak_before_mb:.0f} MB of it torch and voicechat"),
    ]


def _replies(report: Report) -> list[tuple[str, Any]]:
    beside = f" beside {report.plan.n_neighbours} busy processes"
    replies = [("", report.reply), (beside, report.reply_with_neighbours)]
    return [(name, reply) for name, reply in replies if reply is not None]


def _time(timing: Timing) -> str:
    return f"{timing.min_ms:.1f} ms, median {timing.median_ms:.1f}"


def _step(step: Step) -> str:
    gigabytes_per_s = step.read_bytes / step.reading.min_ms / 1e6
    return (
        f"{_time(step.step)}: {1000 / step.step.min_ms:.1f} steps/s, "
        f"{step.of_reading:.2f} times reading {step.read_bytes / 1e6:.0f} MB ({gigabytes_per_s:.1f} GB/s)"
    )


def _reply(reply: Any) -> str:
    return (
        f"real-time factor {reply.realtime_factor:.2f}, slowest step {reply.slowest_step_ms:.0f} ms, "
        f"start buffer needed {reply.start_buffer_ms:.0f} ms"
    )


def _closeness(report: Report) -> str:
    closeness = report.closeness
    return (
        f"text {closeness.text_top1:.0%}, audio {closeness.audio_top1:.0%}; "
        f"logits differ by {closeness.logit_error:.1%} (root mean square)"
    )


def _sooner(report: Report) -> str:
    assert report.naive is not None
    naive_ms = report.naive.first_audio_ms
    times = (report.first_audio_ms, report.first_audio_short_ms, report.first_audio_ahead_ms)
    return " / ".join(f"{naive_ms / ms:.1f}" for ms in times) + " times ours"
