from __future__ import annotations

import pytest
from typer.main import get_command

from voicechat.cli.transcribe_file import app


@pytest.mark.parametrize(
    ("arguments", "address", "files"),
    [
        (["--ray", "a.wav"], "auto", ("a.wav",)),
        (["a.wav", "--ray"], "auto", ("a.wav",)),
        (["--ray", "--words", "a.wav"], "auto", ("a.wav",)),
        (["--ray", "head:6379", "a.wav"], "head:6379", ("a.wav",)),
        (["--ray", "ray://10.0.0.1:10001", "a.wav"], "ray://10.0.0.1:10001", ("a.wav",)),
        (["--ray=local", "a.wav"], "local", ("a.wav",)),
        (["a.wav"], None, ("a.wav",)),
    ],
)
def test_ray_takes_an_address_or_none(arguments, address, files):
    command = get_command(app)
    context = command.make_context("transcribe-file", arguments)

    assert context.params["ray"] == address
    assert tuple(map(str, context.params["paths"])) == files
