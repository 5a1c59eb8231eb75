"""Measuring Mini-Omni: everything is measured, and what does not hold is said. Tiny sizes: no number means a thing."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest

torch = pytest.importorskip("torch")

from tests.models.mini_omni.checkpoints import write_model  # noqa: E402
from voicechat.models.device import choose  # noqa: E402
from voicechat.models.mini_omni import bench, bench_load, bench_parts, bench_report, random_weights  # noqa: E402
from voicechat.models.mini_omni.bench_reply import Reply, Steering, busy_neighbours, speak  # noqa: E402
from voicechat.models.mini_omni.generate import generate_batch  # noqa: E402
from voicechat.models.mini_omni.int8 import Int8MiniOmni  # noqa: E402
from voicechat.models.mini_omni.model import ModelConfig  # noqa: E402
from voicechat.models.mini_omni.snac import SnacConfig  # noqa: E402
from voicechat.models.mini_omni.tokens import END_OF_TEXT, N_CODES, TEXT_VOCAB  # noqa: E402
from voicechat.models.mini_omni.whisper import EncoderConfig  # noqa: E402

CONFIG = ModelConfig(
    n_layer=2,
    n_head=4,
    n_query_groups=2,
    head_size=16,
    n_embd=64,
    intermediate_size=128,
    block_size=512,
    whisper_adapter_dim=24,
)
SIZES = bench_parts.Sizes(
    CONFIG, EncoderConfig(width=24, n_heads=4, n_layers=1, n_hidden=48), SnacConfig(encoder_dim=4, decoder_dim=64)
)
INT8_READ_BYTES = 2 * (64 * (64 + 64) + 64 * 64 + 3 * 64 * 128) + 64 * 181_120  # two blocks and the head
PLAN = bench.Plan(question_s=0.5, reply_s=0.5, n_rounds=3, n_compared=4, n_neighbours=1, naive=True)
TIMING = bench.Timing(10.0, 11.0)


@pytest.fixture(scope="module")
def report():
    return bench.measure(bench_parts.at_random("int8", choose("cpu"), SIZES), PLAN)


def good(report):
    """The same report, all of it as promised."""
    step = bench.Step(TIMING, TIMING, 1000)
    reply = Reply(realtime_factor=0.5, slowest_step_ms=60.0, start_buffer_ms=0.0)
    return dataclasses.replace(
        report,
        encoder=bench.Timing(300.0, 300.0),
        prefill=bench.Timing(100.0, 100.0),
        first_sound=bench.Timing(200.0, 200.0),
        two_rows=step,
        one_row=step,
        reply=reply,
        reply_with_neighbours=reply,
        naive=bench.Naive(2000.0, TIMING),
        load=bench_load.Load(load_s=1.0, reading_s=0.9, file_mb=700.0, peak_mb=1000.0, peak_before_mb=200.0),
    )


def test_everything_asked_for_is_measured(report):
    assert (report.device, report.precision, report.random_weights) == ("cpu", "int8", True)
    assert report.naive is not None
    assert report.reply_with_neighbours is not None
    assert 0 < report.two_rows.reading.min_ms <= report.two_rows.reading.median_ms
    assert report.one_row.read_bytes < report.two_rows.read_bytes
    assert report.closeness.logit_error < 0.2
    assert report.load.load_s > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_can_be_measured(precision):
    plan = dataclasses.replace(PLAN, n_rounds=2, n_compared=2, n_neighbours=0, naive=False)

    report = bench.measure(bench_parts.at_random(precision, choose("cpu"), SIZES), plan)

    assert report.precision == precision
    assert (report.closeness is None) == (precision == "float32")
    assert report.two_rows.read_bytes == (4 if precision == "float32" else 2) * INT8_READ_BYTES
    assert bench_report.failures(report) == []
    assert all(value for _, value in bench_report.rows(report))


def test_pulled_weights_are_measured_where_they_lie(tmp_path):
    write_model(tmp_path)

    report = bench.measure(
        bench_parts.from_folder(tmp_path, "int8", choose("cpu")), dataclasses.replace(PLAN, n_neighbours=0, naive=False)
    )

    assert not report.random_weights
    assert report.load.file_mb == (tmp_path / "checkpoint" / "model.int8.safetensors").stat().st_size / 1e6


def test_what_is_done_by_the_end_of_the_turn_is_not_waited_for(report):
    fine = good(report)

    assert fine.hidden_share == 1.0
    assert fine.first_audio_unprepared_ms == 500.0
    assert fine.first_audio_ms == 500.0 - PLAN.ahead_ms
    slow = dataclasses.replace(fine, encoder=bench.Timing(700.0, 780.0))
    assert slow.hidden_share == PLAN.ahead_ms / 880.0
    at_once = dataclasses.replace(fine, plan=dataclasses.replace(PLAN, ahead_ms=2000.0))
    assert at_once.first_audio_ms == 0.0


def test_a_step_reads_the_weights_of_its_blocks_and_the_rows_of_the_head_that_it_needs(report):
    assert report.two_rows.read_bytes == INT8_READ_BYTES
    assert report.one_row.read_bytes == INT8_READ_BYTES - 64 * TEXT_VOCAB


def test_a_report_can_be_read_by_people_and_programs(report):
    names, values = zip(*bench_report.rows(report), strict=True)
    loaded = json.loads(json.dumps(bench_report.as_json(report)))

    assert len(set(names)) == len(names)
    assert all(values)
    assert loaded["reply"]["realtime_factor"] == report.reply.realtime_factor
    assert set(loaded["step_of_reading"]) == {"two_rows", "one_row"}


def test_what_holds_is_no_failure(report):
    assert bench_report.failures(good(report)) == []


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("reply", {"realtime_factor": 0.9}, "real-time factor is 0.90"),
        ("reply_with_neighbours", {"realtime_factor": 1.1}, "2.2 times as long beside 1 busy"),
        ("reply_with_neighbours", {"start_buffer_ms": 300.0}, "hold back 300 ms of sound beside 1 busy"),
        ("encoder", {"median_ms": 500.0}, "only 73% of encoder and prefill"),
        ("two_rows", {"step": bench.Timing(60.0, 60.0), "reading": bench.Timing(50.0, 50.0)}, "16.7 steps/s are not"),
        ("two_rows", {"step": bench.Timing(15.0, 15.0)}, "a step with text takes 1.50 times"),
        ("one_row", {"step": bench.Timing(15.0, 15.0)}, "a step without text takes 1.50 times"),
        ("naive", {"first_audio_ms": 300.0}, "takes only 300 ms, 5.0 times as long as ours"),
        ("load", {"load_s": 2.0}, "loading takes 2.2 times as long"),
        ("load", {"peak_mb": 1500.0}, "1500 MB at most for a file of 700 MB"),
    ],
)
def test_each_broken_promise_is_said(report, part, change, said):
    fine = good(report)
    worse = dataclasses.replace(fine, **{part: dataclasses.replace(getattr(fine, part), **change)})

    failures = bench_report.failures(worse)

    assert len(failures) == 1
    assert said in failures[0]


def test_a_steered_text_ends_when_told_and_the_voice_never():
    features = torch.randn(8, 24, generator=torch.Generator().manual_seed(0))

    steps = list(
        generate_batch(
            random_weights.language_model(CONFIG), features, max_new_tokens=12, sampling=Steering(n_text_steps=5)
        )
    )

    assert [step.text == END_OF_TEXT for step in steps[:5]] == [False] * 4 + [True]
    assert all(step.text is None for step in steps[5:])
    assert len(steps) == 12
    assert max(max(step.audio) for step in steps) < N_CODES


def test_a_player_that_is_late_needs_a_buffer():
    class SlowVoice:
        frame_samples = 2048

        def stream(self, noise_seed):
            return self

        def push(self, codes):
            time.sleep(0.12)  # a frame sounds 0.085 s
            return torch.zeros(2048)

        def finish(self):
            return torch.zeros(0)

    reply = speak(random_weights.language_model(CONFIG), SlowVoice(), torch.randn(8, 24), reply_s=0.5, text_share=0.5)

    assert reply.realtime_factor > 1.2
    assert reply.start_buffer_ms > 100


def test_neighbours_are_gone_after_the_measurement():
    with busy_neighbours(2) as processes:
        assert all(process.poll() is None for process in processes)

    assert all(process.poll() is not None for process in processes)


def test_a_random_int8_checkpoint_is_one_that_loads(tmp_path):
    from voicechat.models.mini_omni import checkpoint

    path = random_weights.write_checkpoint(Int8MiniOmni(CONFIG), tmp_path)

    assert path.stat().st_size > 181_120 * 64
    assert checkpoint.load_int8(tmp_path).config == CONFIG
