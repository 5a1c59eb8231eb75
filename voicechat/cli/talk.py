"""`voicechat talk`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli import completion
from voicechat.cli.flags import talk_flags
from voicechat.cli.help import SectionedCommand
from voicechat.cli.process import more_logging

_EPILOG = """
\b
Examples:
  voicechat talk
  voicechat talk --mic USB --speaker HDMI --patience slow
  voicechat talk --input ask.wav --output reply.wav
  voicechat talk --input one.mp3 --input two.flac --json > talk.jsonl
  sox ask.wav -t wav - | voicechat talk --input - --output - > reply.wav
  arecord -f S16_LE -r 16000 -t raw | voicechat talk --input - --input-rate 16000

\b
Speak to interrupt the reply. Keys: space to talk at once, Esc stops the
reply, m mutes, t types a message, r repeats, q ends, ? shows them. Ctrl-C
stops the reply; twice, or while nothing is being said, it ends the talk. So
do the words "stop" and "goodbye".

\b
Exit codes:
  0    the talk ended as it should
  1    a file, device or model failed; one line on stderr says what to do
  2    a wrong option, name or setting
  4    the input ended and nobody had spoken
  130  Ctrl-C
  141  whoever read the output stopped reading
  143  SIGTERM (129: the terminal was closed)
"""

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FILES = "Files instead of devices"
_PARTS = "Who answers"
_VOICE = "How the answer sounds"
_DEVICES = "Devices"
_TURNS = "Turns"
_SHOW = "What is shown and kept"
_SETTINGS = "Settings"


@app.command(cls=SectionedCommand, epilog=_EPILOG)
def talk(
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            rich_help_panel=_FILES,
            help="Listen to this file instead of the microphone: any audio file, '-' for WAV or raw PCM on stdin. "
            "Repeat it for one turn after another; several turns in one file are several turns.",
        ),
    ] = None,
    input_rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            min=1000,
            max=768_000,
            rich_help_panel=_FILES,
            help="Stdin is raw PCM, 16-bit little-endian mono at this rate, and not WAV.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_FILES,
            help="Write the reply to this file, not the speaker: .wav, .mp3, .flac or .ogg; '-' for WAV on stdout.",
        ),
    ] = None,
    play: Annotated[
        bool,
        typer.Option("--play", rich_help_panel=_FILES, help="With --output: play the reply too, as it is written."),
    ] = False,
    realtime: Annotated[
        bool,
        typer.Option(
            "--realtime", rich_help_panel=_FILES, help="Read the input at the speed of speech, not as fast as it goes."
        ),
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.profiles,
            help="Start from this set of parts and settings (`voicechat engines` lists them). Key: profile.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.engines,
            help="What answers. Key: talk.engine.",
        ),
    ] = None,
    vad: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.backends("vad"),
            help="What tells speech from other sound. Key: talk.vad.",
        ),
    ] = None,
    turn_detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.backends("turn_detector"),
            help="What tells a pause to think from the end of your turn. Key: talk.turn_detector.",
        ),
    ] = None,
    asr: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.backends("asr"),
            help="What recognizes the words. Key: talk.asr.",
        ),
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.backends("llm"),
            help="What thinks of a reply. Key: talk.llm.",
        ),
    ] = None,
    tts: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            autocompletion=completion.backends("tts"),
            help="What speaks the reply. Key: talk.tts.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            help="Where its model runs: auto, cpu, cuda, cuda:1, mps. Key: engine.<chosen engine>.device.",
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_PARTS,
            help="The precision of its model: auto, int8, float32, ... Key: engine.<chosen engine>.dtype.",
        ),
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_VOICE,
            help="The voice; for espeak a language, maybe with a variant: de, en-gb+f3. Key: tts.<chosen tts>.voice.",
        ),
    ] = None,
    speed_wpm: Annotated[
        str | None,
        typer.Option(
            "--speed-wpm",
            "--speed",
            metavar="WPM",
            rich_help_panel=_VOICE,
            help="How fast it speaks, in words per minute. Key: tts.<chosen tts>.speed_wpm.",
        ),
    ] = None,
    mic: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_DEVICES,
            help="The microphone: part of its name, or its index (`voicechat devices`); remembered. Key: audio.mic.",
        ),
    ] = None,
    speaker: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", rich_help_panel=_DEVICES, help="The speaker, likewise; remembered, too. Key: audio.speaker."
        ),
    ] = None,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            rich_help_panel=_DEVICES,
            help="Wait for a device that went away to come back, or end the talk. Key: audio.wait.",
        ),
    ] = None,
    aec: Annotated[
        bool | None,
        typer.Option(
            "--aec/--no-aec",
            rich_help_panel=_DEVICES,
            help="Cancel the speaker's echo in the microphone, so that you can interrupt on open speakers; without, "
            "nobody listens while a reply is spoken. Key: audio.aec.",
        ),
    ] = None,
    headphones: Annotated[
        bool | None,
        typer.Option(
            "--headphones/--no-headphones",
            rich_help_panel=_DEVICES,
            help="The microphone cannot hear the speaker: interrupt without echo cancellation. Key: audio.headphones.",
        ),
    ] = None,
    half_duplex: Annotated[
        bool | None,
        typer.Option(
            "--half-duplex/--full-duplex",
            rich_help_panel=_DEVICES,
            help="Be deaf while it speaks. Key: audio.half_duplex.",
        ),
    ] = None,
    push_to_talk: Annotated[
        bool | None,
        typer.Option(
            "--push-to-talk/--open-mic",
            rich_help_panel=_TURNS,
            help="Listen only while the space bar is held, or between two presses of it. Key: turn.push_to_talk.",
        ),
    ] = None,
    patience: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_TURNS,
            help="How long a pause is waited for: fast, normal or slow, longer where you sound as if you went on; "
            "or seconds, whatever you said. Key: turn.patience.",
        ),
    ] = None,
    end_silence_ms: Annotated[
        str | None,
        typer.Option(
            metavar="MS", rich_help_panel=_TURNS, help="Silence that ends your turn. Key: turn.end_silence_ms."
        ),
    ] = None,
    min_speech_ms: Annotated[
        str | None,
        typer.Option(
            metavar="MS",
            rich_help_panel=_TURNS,
            help="Shorter speech, usually 200, is no turn. Key: turn.min_speech_ms.",
        ),
    ] = None,
    max_turn_s: Annotated[
        str | None,
        typer.Option(
            metavar="S", rich_help_panel=_TURNS, help="End a turn after this long, usually 30. Key: turn.max_turn_s."
        ),
    ] = None,
    pre_roll_ms: Annotated[
        str | None,
        typer.Option(
            metavar="MS",
            rich_help_panel=_TURNS,
            help="Audio kept from before speech, usually 300. Key: turn.pre_roll_ms.",
        ),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json", rich_help_panel=_SHOW, help="Print the events of the talk as JSON lines (docs/events.md)."
        ),
    ] = False,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=_SHOW,
            help="Keep the talk in this folder: the audio of both sides and the messages, written as each turn ends.",
        ),
    ] = None,
    show_my_words: Annotated[
        bool | None,
        typer.Option(
            "--show-my-words",
            rich_help_panel=_SHOW,
            help="Write down what you said, where the engine does not anyway. "
            "Key: engine.<chosen engine>.show_my_words.",
        ),
    ] = None,
    meter: Annotated[
        bool | None,
        typer.Option(
            "--meter/--no-meter", rich_help_panel=_SHOW, help="Show how loud the microphone is. Key: ui.meter."
        ),
    ] = None,
    keys: Annotated[
        bool | None,
        typer.Option(
            "--keys/--no-keys",
            rich_help_panel=_SHOW,
            help="Follow the keys: space, Esc, m, t, r, q, ? (docs/keys.md). Key: ui.keys.",
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", rich_help_panel=_SETTINGS, help="Read this TOML file over your config.toml."
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            rich_help_panel=_SETTINGS,
            autocompletion=completion.assignments,
            help="Set any key (`voicechat config show` lists them). Repeatable; an option for the key wins.",
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            callback=more_logging,
            rich_help_panel=_SETTINGS,
            show_default=False,
            help="Log to stderr what happens; -vv logs every turn.",
        ),
    ] = 0,
) -> None:
    """Talk with the assistant: speak, pause, hear the answer.

    Listens to the microphone and answers through the speaker until you say "goodbye" or press Ctrl-C. With --input
    and --output the same talk runs on files, as fast as they can be read.
    """
    flags = talk_flags(locals())
    from voicechat.app import TalkRequest, run_talk
    from voicechat.config import load_config

    config = load_config(flags=flags, assignments=assignments or (), config_file=config_file)
    request = TalkRequest(
        inputs=tuple(inputs or ()),
        input_rate=input_rate,
        output=output,
        play=play,
        realtime=realtime,
        json_lines=json_lines,
        save=save,
    )
    run_talk(config, request)
