"""What all ways of calling a recognizer of transformers share: its form, its loading, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from voicechat.errors import ModelError
from voicechat.models.heard import Heard

SAMPLE_RATE = 16_000  # Hz, of all of them

Stopped = Callable[[], bool]

# What transformers raises for files that are missing, damaged, of another version, or need a package that is not here.
_UNLOADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)


@dataclass(frozen=True)
class Wishes:
    """What may be asked of a model besides the text."""

    language: str = ""  # ISO 639-1; "": found out
    prompt: str = ""  # words and style to expect


class Recognizer(Protocol):
    """A loaded model. It holds no state of a call.

    Attributes:
        tells_words: whether it can tell where each word is.
        max_piece_s: the longest piece it takes.
    """

    tells_words: bool
    max_piece_s: float

    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:
        """Give what was said in each piece, float32 (n,) at 16 kHz, at least 100 ms; None once `stopped` says yes."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a checkpoint is, and where and how its model is to run."""

    folder: Path
    name: str  # what errors call it
    device: str
    precision: str  # float32, bfloat16 or float16

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.precision)
        return found

    def load(self, auto: str, **settings: Any) -> Any:
        """Load a part by one of transformers' Auto classes, from the folder only.

        Raises:
            ModelError: If it cannot be loaded.
        """
        with loading(self.name, self.folder):
            loader = getattr(import_module("transformers"), auto)
            return loader.from_pretrained(self.folder, local_files_only=True, **settings)

    def model(self, auto: str) -> Any:
        """Load a model, ready to work.

        Raises:
            ModelError: If it cannot be loaded, or parts of it would be left to chance.
        """
        model, info = self.load(auto, dtype=self.dtype, output_loading_info=True)
        if missing := sorted(info["missing_keys"]):
            raise ModelError(f"{self.name} lacks {len(missing)} tensors, as {missing[0]}: it was not trained for this")
        return model.eval().requires_grad_(False).to(self.device)

    def inputs(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Bring what a processor made to the model: to its device, numbers to its precision."""
        return {
            name: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for name, value in features.items()
            if isinstance(value, torch.Tensor)
        }


@contextmanager
def loading(name: str, folder: Path) -> Iterator[None]:
    """Say in one line what transformers raises, and keep its bars and advice off the terminal."""
    from safetensors import SafetensorError

    logging = import_module("transformers.utils.logging")
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (*_UNLOADABLE, SafetensorError) as exc:
        lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
        reason = (lines[0] if lines else type(exc).__name__)[:200]
        raise ModelError(f"transformers cannot load {name} from {folder}: {reason}") from exc
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


class Asked:
    """A stopping criterion of transformers': asks before each step whether to go on."""

    def __init__(self, stopped: Stopped) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        """Tell for each text whether it is over."""
        return torch.full((len(input_ids),), self._stopped(), device=input_ids.device)
