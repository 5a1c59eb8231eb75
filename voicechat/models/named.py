"""Where a model is that the user named: one that voicechat fetches, a folder, or an id of the hub that is here already.

Asks no network for anything: what is not here is an error that says how to get it.
"""

from __future__ import annotations

from pathlib import Path

from voicechat.errors import ModelError
from voicechat.models import hub
from voicechat.models.published import MODELS


def folder_of(name: str) -> Path:
    """Give the folder that has a model's config.json.

    Args:
        name: as `voicechat models list` has it, a folder's path, or "owner/name" as the hub has it.

    Raises:
        ModelError: If it is not here; the message says how to get it.
    """
    if name in MODELS:
        return hub.locate(name) / MODELS[name].parts[0].folder
    path = Path(name).expanduser()
    if name and (path / "config.json").is_file():
        return path
    if name and path.is_dir():
        raise ModelError(f"{path} holds no model: it has no config.json")
    owner, _, rest = name.partition("/")
    if not owner or not rest or "/" in rest or name.startswith((".", "~")):
        raise ModelError(f"no model is called {name!r:.80}; known: {', '.join(MODELS)}, a folder, an id of the hub")
    for model in MODELS.values():
        if model.parts[0].repository == name and len(model.parts) == 1 and hub.find(model, hub.models_folder()).whole:
            return hub.locate(model.name) / model.parts[0].folder
    return _hub_cached(name)


def _hub_cached(name: str) -> Path:
    """Give the folder where huggingface_hub keeps a repository's newest version.

    Raises:
        ModelError: If it is not here.
    """
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ModuleNotFoundError as exc:
        raise ModelError(f"{name} needs the package {exc.name}; run: pip install 'voicechat[models]'") from exc
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError as exc:
        raise ModelError(f"no model is called {name!r:.80}; an id of the hub is owner/name") from exc
    if isinstance(cached, str):
        return Path(cached).parent
    published = next((model.name for model in MODELS.values() if model.parts[0].repository == name), "")
    command = f"voicechat models pull {published}" if published else f"hf download {name}"
    raise ModelError(f"{name} is not on this machine; run: {command}")
