"""Whether Mini-Omni picks what the published code picks, token for token: float32, greedy, tiny weights.

Each case of the file names a task, the seed of the weights and of the features, and the tokens expected; where the
published demo streams, also the frames it played, which must be the first that we play.

Run `python benchmarks/mini_omni_parity.py [CASES.json]`; it ends with `N of M cases match` and exits with 1 if any
does not.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # run as a file, the repository is not on the path

from tests.models.mini_omni import tiny_weights
from voicechat.models.mini_omni.generate import Sampling, generate, generate_batch
from voicechat.models.mini_omni.model import MiniOmni
from voicechat.models.mini_omni.tokens import N_LAYERS, TEXT_PAD, Step, Task, frames, prompt

GOLDEN = Path(__file__).parent.parent / "tests/data/mini_omni_golden.json"
BATCH = "A1A2-batch-stream"  # speech to speech, the text thought by a second row
GREEDY = Sampling()

Case = Mapping[str, Any]


def steps_of(case: Case, model: MiniOmni | None = None, sampling: Sampling = GREEDY) -> list[Step]:
    """Generate what a case asks for, on its tiny weights or on `model`, whatever its precision.

    Raises:
        ValueError: If our prompt is not the case's.
    """
    model = model or tiny_model(case["seed"], bool(case["tied"]))
    n_frames, n_picks = case["audio_frames"], case["max_new_tokens"]
    dtype = model.transformer.ln_f.weight.dtype
    features = tiny_weights.audio_features(case["seed"], n_frames).to(dtype) if n_frames else None
    if case["task"] == BATCH:
        assert features is not None
        return list(generate_batch(model, features, max_new_tokens=n_picks, sampling=sampling))
    task = Task(case["task"])
    ids = prompt(task, n_frames=n_frames, text=case["text_tokens"] or ())
    if ids.tolist() != case.get("prompt", ids.tolist()):
        raise ValueError(f"the prompt of {name_of(case)} differs")
    steps = generate(model, ids, speaks=task.speaks, max_new_tokens=n_picks, features=features, sampling=sampling)
    return list(steps)


def differences(case: Case, steps: list[Step]) -> list[str]:
    """Say what differs from what the case expects; nothing, if it matches."""
    text = [TEXT_PAD if step.text is None else step.text for step in steps]
    if "layers" not in case:
        return [] if text == case["text"] else [f"text differs from step {_first_difference(text, case['text'])} on"]
    rows = [*([step.audio[layer] for step in steps] for layer in range(N_LAYERS)), text]
    found = [
        f"{'text' if row == N_LAYERS else f'layer {row}'} differs from step {_first_difference(ours, theirs)} on"
        for row, (ours, theirs) in enumerate(zip(rows, case["layers"], strict=True))
        if ours != theirs
    ]
    played = [list(frame) for frame in case.get("reference_stream_frames") or ()]
    if [list(frame) for frame in frames(steps)][: len(played)] != played:
        found.append("the frames played differ")
    return found


@functools.lru_cache(maxsize=1)
def tiny_model(seed: int, tied: bool) -> MiniOmni:
    return tiny_weights.model(seed, tied=tied)


def name_of(case: Case) -> str:
    return f"{case['task']} seed {case['seed']}{' tied' if case['tied'] else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "cases", nargs="?", type=Path, default=GOLDEN, metavar="CASES.json", help="default: %(default)s"
    )
    cases = json.loads(parser.parse_args().cases.read_text(encoding="utf-8"))
    n_matching = 0
    for case in cases:
        try:
            steps = steps_of(case)
            found = differences(case, steps)
        except ValueError as error:
            steps, found = [], [str(error)]
        n_matching += not found
        print(f"{name_of(case)}: {'; '.join(found) or f'{len(steps)} steps match'}", flush=True)
    print(f"{n_matching} of {len(cases)} cases match")
    sys.exit(n_matching < len(cases))


def _first_difference(ours: list[int], theirs: list[int]) -> int:
    return next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(ours))


if __name__ == "__main__":
    main()
