"""`voicechat transcribe-file`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from voicechat.cli import completion
from voicechat.cli.help import SectionedCommand
from voicechat.cli.process import more_logging

_EPILOG = """
\b
Examples:
  voicechat transcribe-file talk.mp3
  voicechat transcribe-file film.mkv --format srt,vtt --out subtitles/
  voicechat transcribe-file recordings/ --recursive --out texts/ --jobs 4
  voicechat transcribe-file archive/ --recursive --out texts/ --ray head:6379
  voicechat transcribe-file call.wav --channels split --format jsonl
  voicechat transcribe-file memo.m4a --asr whisper --language de
  voicechat transcribe-file talk.flac --reference talk.txt --out talk.srt
  ffmpeg -i URL -f wav - | voicechat transcribe-file -

\b
With --out, what is done already is skipped, and a file that was broken off
goes on where it was: run the same command again.

\b
Exit codes:
  0    all went well
  1    the file, a device or a model failed; one line on stderr says what to do
  2    a wrong option, name or setting
  3    some files failed: they are listed at the end, the others are done
  4    there is no speech in any of the files
  130  Ctrl-C; what is done is kept
  141  whoever read the output stopped reading
  143  SIGTERM (129: the terminal was closed)
"""

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FILES = "Files"
_OUTPUT = "Transcripts"
_RECOGNIZER = "Recognizer"
_WORK = "How the work is done"
_SETTINGS = "Settings"

_ADDRESS = re.compile(r"auto|local|ray://\S+|[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+")


class TranscribeCommand(SectionedCommand):
    """Lets `--ray` stand without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given: list[str] = []
        for argument, following in itertools.pairwise([*args, ""]):
            given.append(argument)
            if argument == "--ray" and not _ADDRESS.fullmatch(following):
                given.append("auto")
        return super().parse_args(ctx, given)


@app.command("transcribe-file", cls=TranscribeCommand, epilog=_EPILOG)
def transcribe_file(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Audio or video files, folders of them, patterns in quotes, '-' for stdin.",
            show_default=False,
        ),
    ],
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", rich_help_panel=_FILES, help="Also take the folders in a folder."),
    ] = False,
    channels: Annotated[
        str,
        typer.Option(
            metavar="mix|split",
            rich_help_panel=_FILES,
            help="split: each channel is a speaker, as in recorded calls; mix: all are one.",
        ),
    ] = "mix",
    input_rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            min=1000,
            max=768_000,
            rich_help_panel=_FILES,
            help="Stdin is raw PCM, 16-bit little-endian mono at this rate.",
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            rich_help_panel=_OUTPUT,
            help="txt, json, jsonl, srt, vtt, tsv, csv or md; several with commas. txt unless --out names a file "
            "with one of these suffixes. docs/transcripts.md describes them.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR|FILE",
            rich_help_panel=_OUTPUT,
            help="Write to this folder, as talk.srt for talk.mp3, or this file (a name with a suffix), not to stdout.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", rich_help_panel=_OUTPUT, help="Also do what is there already, anew."),
    ] = False,
    words: Annotated[
        bool,
        typer.Option("--words", rich_help_panel=_OUTPUT, help="Tell when each word is spoken (json, vtt, tables)."),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIR",
            rich_help_panel=_OUTPUT,
            help="What was really said: tell the word and character error rate. A folder holds talk.txt for talk.mp3.",
        ),
    ] = None,
    asr: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_RECOGNIZER,
            autocompletion=completion.backends("asr"),
            help="What recognizes the words (`voicechat engines` lists them). Key: talk.asr.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=_RECOGNIZER, help="Its model. Key: asr.<chosen asr>.model."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            rich_help_panel=_RECOGNIZER,
            help="The language that is spoken: en, de, ... Key: asr.<chosen asr>.language.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="transcribe|translate",
            rich_help_panel=_RECOGNIZER,
            help="translate: into English. Key: asr.<chosen asr>.task.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=_RECOGNIZER,
            help="A text such as might come before: its style and words are expected. Key: asr.<chosen asr>.prompt.",
        ),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            rich_help_panel=_RECOGNIZER,
            help="Names and terms to expect, with commas between them. Key: asr.<chosen asr>.vocabulary.",
        ),
    ] = None,
    vad: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_RECOGNIZER,
            autocompletion=completion.backends("vad"),
            help="What tells speech from other sound; only speech is recognized. Key: talk.vad.",
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", "-j", metavar="N", rich_help_panel=_WORK, help="Recognize in so many processes at once."
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            rich_help_panel=_WORK,
            help="Recognize on a Ray cluster, a worker for each processor or GPU: HOST:PORT, ray://HOST:PORT, nothing "
            "for the one that this machine is in, local for one of its own. All machines need voicechat's extra ray.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=_WORK, help="Show no progress, on a terminal either.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_SETTINGS,
            autocompletion=completion.profiles,
            help="Start from this set of parts and settings. Key: profile.",
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
    _verbose: Annotated[
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
    """Write down what is said in audio and video files.

    Text comes to stdout as it is recognized. Silence is never given to the recognizer. Files may be hours long.
    """
    from voicechat.transcription_app import TranscriptionRequest, run_transcription, transcription_config

    flags = {"talk.asr": asr, "talk.vad": vad, "profile": profile}
    wishes = {"model": model, "language": language, "task": task, "prompt": prompt, "vocabulary": vocabulary}
    config = transcription_config(
        {key: value for key, value in flags.items() if value is not None},
        {option: value for option, value in wishes.items() if value is not None},
        assignments=assignments or (),
        config_file=config_file,
    )
    request = TranscriptionRequest(
        paths=tuple(paths),
        recursive=recursive,
        formats=tuple(formats or ()),
        out=out,
        overwrite=overwrite,
        channels=channels,
        words=words,
        jobs=jobs,
        ray=ray,
        input_rate=input_rate,
        reference=reference,
        quiet=quiet,
    )
    run_transcription(config, request)
