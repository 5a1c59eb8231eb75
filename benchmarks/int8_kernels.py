"""How fast the products of one step of Mini-Omni are, and what else there is: all in one run, taking turns.

Claims, with our kernels, for one row and for two, all weights of the decoder and its head in 8 bits:
    they take at most 1.35 times as long as only reading the same bytes;
    they take at most as long as any 8-bit product of torch or ONNX Runtime.

The candidates take turns, so that a busy neighbour hits all of them alike; the minimum and the median of the rounds are
given. Run `python -m benchmarks.int8_kernels [--rounds N] [--threads N] [--prefill] [--json]`; it exits with 1 if a
claim does not hold. Candidates whose package is missing are left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.int8 import Int8Linear
from voicechat.models.mini_omni.model import ModelConfig

READ_RATIO_LIMIT = 1.35
READING, OURS = "only reading", "ours, 8 bit"
SETTLE_S = 0.1  # others' threads go on spinning after their turn
PREFILL_ROWS = 153  # positions of a 3 s question

Run = Callable[[], object]


def weights(*, head: bool) -> list[Int8Linear]:
    """Draw all products of a step at full size."""
    config = ModelConfig()
    width, hidden = config.n_embd, config.intermediate_size
    heads = (config.n_head + 2 * config.n_query_groups) * config.head_size
    block = ((width, heads), (width, width), (width, 2 * hidden), (hidden, width))
    shapes = [*block * config.n_layer, *([(width, config.padded_vocab_size)] if head else [])]
    linears = [Int8Linear(n_in, n_out) for n_in, n_out in shapes]
    for linear in linears:
        linear.weight.random_(-127, 128)
        linear.scale.uniform_(1e-4, 1e-2)
    return linears


def inputs(linears: list[Int8Linear], n_rows: int) -> list[Tensor]:
    by_width = {n_in: torch.randn(n_rows, n_in) for n_in in {linear.n_in for linear in linears}}
    return [by_width[linear.n_in] for linear in linears]


def ours(linears: list[Int8Linear], x: list[Tensor]) -> Run:
    """Our products as the compiled step makes them: nothing of Python's but the calls."""
    product = kernels.library().linear_int8  # type: ignore[union-attr]
    matrices = [kernels.Matrix.of(linear.weight, linear.scale, None) for linear in linears]
    out = torch.empty(len(x[0]), max(len(linear.weight) for linear in linears))
    addresses = [values.data_ptr() for values in x]

    def run() -> None:
        for matrix, address in zip(matrices, addresses, strict=True):
            product(matrix, address, len(out), out.data_ptr())

    return run


def torch_candidates(linears: list[Int8Linear], x: list[Tensor]) -> Iterator[tuple[str, Run]]:
    """Torch's own products, from the same weights; each makes its copy of them when it is its turn to be prepared."""
    scales = [linear.scale.bfloat16() for linear in linears]
    x_bf16 = [values.bfloat16() for values in x]

    def weight_only() -> None:
        for linear, scale, values in zip(linears, scales, x_bf16, strict=True):
            torch._weight_int8pack_mm(values, linear.weight, scale)

    yield "torch _weight_int8pack_mm", weight_only
    for engine in ("onednn", "fbgemm"):
        if engine not in torch.backends.quantized.supported_engines:
            continue
        torch.backends.quantized.engine = engine
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # quantized tensors will leave torch
            packed = [_torch_packed(linear) for linear in linears]
        yield f"torch quantized::linear_dynamic, {engine}", _dynamic(packed, x, reduce_range=engine == "fbgemm")


def onnx_candidates(linears: list[Int8Linear], x: list[Tensor], n_threads: int) -> Iterator[tuple[str, Run]]:
    """ONNX Runtime's products of 8- and 4-bit weights in blocks of 32, and its dynamically quantized product."""
    try:
        onnx, onnxruntime = (importlib.import_module(name) for name in ("onnx", "onnxruntime"))
    except ImportError:
        return
    for bits in (8, 4):
        model = _onnx_model(onnx, linears, bits)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True)
            del model
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feed = {f"x{values.shape[1]}": values.numpy() for values in x}
        yield f"ONNX Runtime MatMulNBits, {bits} bit", _onnx_run(session, feed)


def measure(candidates: dict[str, Run], n_rounds: int) -> dict[str, list[float]]:
    """Give the seconds of each candidate in each round, the first not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(n_rounds + 1):
        for name, run in candidates.items():
            time.sleep(SETTLE_S)
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: values[1:] for name, values in seconds.items()}


def compare(n_rows: int, n_rounds: int, n_threads: int) -> dict[str, dict[str, float]]:
    """Measure all candidates on `n_rows` rows of activations; milliseconds and the ratio to only reading."""
    linears = weights(head=n_rows <= 2)
    x = inputs(linears, n_rows)
    n_bytes = sum(linear.weight.nbytes for linear in linears)
    block = kernels.prefer_large_pages(torch.empty(n_bytes, dtype=torch.int8)).zero_()

    candidates: dict[str, Run] = {}
    if kernels.library() is not None:
        candidates |= {READING: lambda: kernels.read_bytes(block), OURS: ours(linears, x)}
    candidates |= dict(torch_candidates(linears, x))
    candidates |= dict(onnx_candidates(linears, x, n_threads))
    with torch.inference_mode():
        seconds = measure(candidates, n_rounds)
    floor = min(seconds.get(READING, [float("nan")]))
    return {
        name: {"min_ms": min(s) * 1e3, "median_ms": statistics.median(s) * 1e3, "of_reading": min(s) / floor}
        for name, s in seconds.items()
    }


def failures(rows: dict[str, dict[str, float]]) -> list[str]:
    """Say which claims do not hold."""
    if OURS not in rows:
        return ["no C compiler: our kernels could not be measured"]
    row = rows[OURS]
    found = [] if row["of_reading"] <= READ_RATIO_LIMIT else [f"{row['of_reading']:.2f} times as long as reading"]
    faster = [n for n, other in rows.items() if other["min_ms"] < row["min_ms"] and n != READING and "4 bit" not in n]
    return found + [f"{name} is faster" for name in faster]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=kernels.n_threads())
    parser.add_argument("--prefill", action="store_true", help=f"measure {PREFILL_ROWS} rows, too; no claim")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    library = kernels.library()
    if library is not None:
        library.set_threads(arguments.threads)
    results = {n: compare(n, arguments.rounds, arguments.threads) for n in (1, 2)}
    failed = [f"{n} rows: {failure}" for n, rows in results.items() for failure in failures(rows)]
    if arguments.prefill:
        results[PREFILL_ROWS] = compare(PREFILL_ROWS, max(2, arguments.rounds // 4), arguments.threads)
    if arguments.json:
        print(json.dumps({"load": os.getloadavg()[0], "rows": results, "failed": failed}))
    else:
        for n, rows in results.items():
            print(f"{n} row{'s' if n > 1 else ''}, {arguments.threads} threads")
            for name, row in rows.items():
                print(
                    f"  {name:44s} {row['min_ms']:8.1f} ms, median {row['median_ms']:8.1f}, {row['of_reading']:5.2f} x"
                )
        print("\n".join(failed) or "all claims hold")
    sys.exit(bool(failed))


def _torch_packed(linear: Int8Linear) -> Any:
    zero = torch.zeros(len(linear.scale), dtype=torch.long)
    weight = torch._make_per_channel_quantized_tensor(linear.weight, linear.scale.double(), zero, 0)
    return torch.ops.quantized.linear_prepack(weight, None)


def _dynamic(packed: list[Any], x: list[Tensor], *, reduce_range: bool) -> Run:
    def run() -> None:
        for weight, values in zip(packed, x, strict=True):
            torch.ops.quantized.linear_dynamic(values, weight, reduce_range)

    return run


def _onnx_model(onnx: Any, linears: list[Int8Linear], bits: int) -> Any:
    """Give a graph that multiplies its two inputs, one for each width, by all weights."""
    generator = np.random.default_rng(0)
    nodes, tensors, outputs = [], [], []
    for index, linear in enumerate(linears):
        n_in, n_out = linear.n_in, linear.n_out
        n_blocks = n_in // 32
        packed = generator.integers(0, 256, (n_out, n_blocks, 32 * bits // 8), dtype=np.uint8)
        scales = np.full(n_out * n_blocks, 1e-3, np.float32)
        tensors += [
            onnx.numpy_helper.from_array(packed, f"w{index}"),
            onnx.numpy_helper.from_array(scales, f"s{index}"),
        ]
        nodes.append(
            onnx.helper.make_node(
                "MatMulNBits",
                [f"x{n_in}", f"w{index}", f"s{index}"],
                [f"y{index}"],
                domain="com.microsoft",
                K=n_in,
                N=n_out,
                bits=bits,
                block_size=32,
                accuracy_level=4,  # 8-bit activations
            )
        )
        outputs.append(onnx.helper.make_tensor_value_info(f"y{index}", onnx.TensorProto.FLOAT, [None, n_out]))
    widths = sorted({linear.n_in for linear in linears})
    x = [onnx.helper.make_tensor_value_info(f"x{n}", onnx.TensorProto.FLOAT, [None, n]) for n in widths]
    graph = onnx.helper.make_graph(nodes, "products", x, outputs, tensors)
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _onnx_run(session: Any, feed: dict[str, np.ndarray]) -> Run:
    return lambda: session.run(None, feed)


if __name__ == "__main__":
    main()
