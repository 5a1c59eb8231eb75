"""`voicechat devices`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from voicechat.cli.table import print_rows
from voicechat.errors import AudioDeviceError

if TYPE_CHECKING:
    from voicechat.audio.devices import Device, Kind

_EPILOG = """
\b
Examples:
  voicechat devices
  voicechat devices --json
  voicechat talk --mic USB        any part of a name that fits one device
  voicechat talk --speaker 3      or its index
"""

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_COLUMNS = ("kind", "index", "name", "sample_rate", "channels", "host_api", "default", "used")
logger = logging.getLogger(__name__)


@app.command(epilog=_EPILOG)
def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per device.")] = False,
) -> None:
    """List the microphones and speakers.

    Each with its own sample rate in Hz, its channels, and whether it is the system's default. "used" marks the one
    that `voicechat talk` would open: what audio.mic and audio.speaker name, else the default.
    """
    from voicechat.audio.portaudio import PortAudio
    from voicechat.config import load_config

    audio = load_config().audio
    with PortAudio() as portaudio:
        inputs, outputs = portaudio.devices("input"), portaudio.devices("output")
    rows = [*_rows(inputs, audio.mic, "input"), *_rows(outputs, audio.speaker, "output")]
    print_rows(rows, _COLUMNS, as_json=as_json)


def _rows(found: Sequence[Device], wanted: str, kind: Kind) -> list[dict[str, object]]:
    from voicechat.audio.devices import match_device

    used = None
    try:
        used = match_device(found, wanted, kind)
    except AudioDeviceError as error:
        logger.warning("%s", error)  # whoever lists the devices may be looking for the right name
    return [
        {
            "kind": device.kind,
            "index": device.index,
            "name": device.name,
            "sample_rate": device.sample_rate,
            "channels": device.channels,
            "host_api": device.host_api,
            "default": device.is_default,
            "used": device == used,
        }
        for device in found
    ]
