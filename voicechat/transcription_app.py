"""The composition root of `transcribe-file`: a configuration in, transcripts out.

Nothing here decides anything about audio, words or captions; it finds the files, builds the parts, connects them, and
tells at the end what has failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from voicechat import __version__
from voicechat.audio.file_errors import printable_path
from voicechat.audio.file_input import STDIN, input_label
from voicechat.config import Config, load_config
from voicechat.errors import ConfigError, IncompleteError, ModelError, NoSpeechError, VoiceChatError
from voicechat.protocols import VoiceActivityDetector
from voicechat.recognizer_cluster import RecognizerCluster
from voicechat.recognizer_processes import Recipe, RecognizerProcesses
from voicechat.recording import FileRecording
from voicechat.registry import backend_defaults, backend_names, load_backend
from voicechat.speech.recognizers import OneRecognizer, Recognizers
from voicechat.transcribe import FileBegun, FileDone, FileFailed, Progress, SegmentHeard, Transcription
from voicechat.transcripts.error_rates import Comparison, read_reference
from voicechat.transcripts.form import ErrorRates, Footer, Header
from voicechat.transcripts.forms import check_stream, form_names
from voicechat.transcripts.journal import journal_path
from voicechat.transcripts.outputs import check_plan, form_of_file, is_file_name, plan
from voicechat.transcripts.sources import Source, find_sources
from voicechat.transcripts.writing import FilesWriter, StreamWriter
from voicechat.ui.transcription import TranscriptionView

TIMELESS = frozenset({"txt", "md"})  # forms in which it does not matter when a word is spoken
MAX_JOBS = 64
MIX, SPLIT = "mix", "split"


@dataclass(frozen=True)
class TranscriptionRequest:
    """What one run is asked for besides its configuration."""

    paths: tuple[str, ...]
    recursive: bool = False
    formats: tuple[str, ...] = ()
    out: str | None = None
    overwrite: bool = False
    channels: str = MIX  # or SPLIT: they are different speakers
    words: bool = False
    jobs: int = 1
    ray: str | None = None  # address of a Ray cluster; None for this machine
    input_rate: int | None = None  # Hz; stdin is then raw 16-bit mono PCM
    reference: str | None = None  # what was said: a file, or a folder with one for each input
    quiet: bool = False


def transcription_config(
    flags: Mapping[str, object], wishes: Mapping[str, str], *, assignments: Sequence[str], config_file: Path | None
) -> Config:
    """Read the configuration, with what is wished of the recognizer, whichever it is.

    Args:
        flags: value by dotted key.
        wishes: value by the name of an option that some recognizers have: language, prompt, vocabulary, task, model.

    Raises:
        ConfigError: As `load_config`; or if the recognizer has no such option.
    """
    config = load_config(flags=flags, assignments=assignments, config_file=config_file)
    if not wishes:
        return config
    name = config.talk.asr
    for option in wishes:
        if option not in backend_defaults("asr", name):
            able = [other for other in backend_names("asr") if _has_option(other, option)]
            raise ConfigError(
                f"{name} has no --{option}; --asr {' or '.join(able)} has" if able else f"{name} has no --{option}"
            )
    of_asr = {f"asr.{option}": value for option, value in wishes.items()}
    return load_config(flags={**flags, **of_asr}, assignments=assignments, config_file=config_file)


def _has_option(name: str, option: str) -> bool:
    try:
        return option in backend_defaults("asr", name)
    except ModelError:  # its file cannot be imported here
        return False


def run_transcription(config: Config, request: TranscriptionRequest) -> None:
    """Transcribe files.

    Raises:
        VoiceChatError: If the only file fails, or what all need is missing; `IncompleteError` if some of the files
            fail, `NoSpeechError` if there is no speech in any.
        KeyboardInterrupt: If Ctrl-C ended it; what is done is kept.
    """
    _check(request)
    sources = find_sources(request.paths, recursive=request.recursive)
    jobs, n_skipped = _jobs(request, sources)
    with ExitStack() as stack:
        out, err = (stream or stack.enter_context(open(os.devnull, "w")) for stream in (sys.stdout, sys.stderr))
        view = stack.enter_context(TranscriptionView(out, err, bar=not request.quiet))
        if n_skipped:
            view.say(f"voicechat: {_files(n_skipped)} skipped: transcribed already (--overwrite does it again)")
        if not jobs:
            return
        words = _wants_words(request, jobs)
        recordings = [_recording(config, request, job, words, view) for job in jobs]
        stack.callback(_close, recordings)
        if len(recordings) == 1:
            recordings[0].check()
        run = _Run(config, request, jobs, recordings, view)
        try:
            recognizers = stack.enter_context(closing(_recognizers(config, request, words)))
            run.run(Transcription(recognizers, lambda: _vad(config)))
        except KeyboardInterrupt:
            view.close()
            if request.out is not None:
                view.say("voicechat: interrupted; the same command goes on where this one was")
            raise
        view.close()
        run.sum_up()


@dataclass(frozen=True)
class _Job:
    """One file, and where its transcript goes."""

    source: Source
    outputs: Mapping[str, Path] | None  # by format; None for standard output
    forms: tuple[str, ...]
    reference: str | None = None  # what was said


def _check(request: TranscriptionRequest) -> None:
    if not 1 <= request.jobs <= MAX_JOBS:
        raise ConfigError(f"--jobs must be from 1 to {MAX_JOBS}, not {request.jobs}")
    if request.ray is not None and request.jobs != 1:
        raise ConfigError("--jobs is for this machine, and --ray has a worker for each processor; give one of them")
    if request.channels not in (MIX, SPLIT):
        raise ConfigError(f"--channels must be {MIX} or {SPLIT}, not {request.channels!r}")
    if request.input_rate is not None and STDIN not in request.paths:
        raise ConfigError("--input-rate describes raw audio on standard input; name '-' as the input")
    if request.out is not None and not request.out:
        raise ConfigError("--out needs the name of a folder or file, not ''")


def _jobs(request: TranscriptionRequest, sources: Sequence[Source]) -> tuple[list[_Job], int]:
    """Plan what to do with each file; give that, and how many are done already."""
    forms = form_names(request.formats)
    references = _references(request, sources)
    if request.out is None:
        forms = forms or ("txt",)
        check_stream(forms, len(sources))
        return [_Job(source, None, forms, text) for source, text in zip(sources, references, strict=True)], 0
    plans = _plans(request.out, forms, sources)
    jobs = []
    for source, outputs, text in zip(sources, plans, references, strict=True):
        missing = {name: path for name, path in outputs.items() if request.overwrite or not path.is_file()}
        if missing:
            jobs.append(_Job(source, missing, tuple(missing), text))
    return jobs, len(sources) - len(jobs)


def _plans(out: str, forms: tuple[str, ...], sources: Sequence[Source]) -> list[dict[str, Path]]:
    if not is_file_name(out):
        return plan(sources, out, forms or ("txt",))
    plans = [{form_of_file(out, forms): Path(out)} for _ in sources]
    if len(sources) > 1:
        raise ConfigError(
            f"--out {printable_path(out)} is one file, and there are {len(sources)} inputs; name a folder"
        )
    check_plan(sources, plans)
    return plans


def _references(request: TranscriptionRequest, sources: Sequence[Source]) -> list[str | None]:
    """Read what was said in each file, as far as it is known."""
    if request.reference is None:
        return [None] * len(sources)
    path = Path(request.reference)
    if not path.is_dir():
        if len(sources) > 1:
            raise ConfigError(
                f"--reference {printable_path(path)} is one text, and there are {len(sources)} inputs; "
                "name a folder with a .txt for each"
            )
        return [read_reference(path)]
    texts = [path / f"{Path(source.below).stem}.txt" for source in sources]
    if not any(text.exists() for text in texts):
        raise ConfigError(f"no text in {printable_path(path)} is called as a recording, as in {texts[0].name!r}")
    return [read_reference(text) if text.exists() else None for text in texts]


def _recording(
    config: Config, request: TranscriptionRequest, job: _Job, words: bool, view: TranscriptionView
) -> FileRecording:
    asr, vad = config.talk.asr, config.talk.vad
    settings = {
        "version": __version__,
        "asr": [asr, config.options("asr", asr)],
        "vad": [vad, config.options("vad", vad)],
        "channels": request.channels,
        "words": words,
    }
    return FileRecording(
        job.source.path,
        split=request.channels == SPLIT,
        raw_rate=request.input_rate,
        notify=view.tell,
        journal=journal_path(next(iter(job.outputs.values()))) if job.outputs else None,
        settings=settings,
    )


def _close(recordings: Iterable[FileRecording]) -> None:
    for recording in recordings:
        recording.close()


def _wants_words(request: TranscriptionRequest, jobs: Sequence[_Job]) -> bool:
    """Whether the recognizer is to tell when each word is spoken, which makes captions and long segments better."""
    return request.words or any(form not in TIMELESS for job in jobs for form in job.forms)


def _recognizers(config: Config, request: TranscriptionRequest, words: bool) -> Recognizers:
    name = config.talk.asr
    options = config.options("asr", name)
    if request.ray is not None:
        return RecognizerCluster(Recipe(name, options, words), request.ray)
    if request.jobs == 1:
        return OneRecognizer(load_backend("asr", name, options), words=words)
    return RecognizerProcesses(Recipe(name, options, words), n_processes=request.jobs)


def _vad(config: Config) -> VoiceActivityDetector:
    name = config.talk.vad
    vad: VoiceActivityDetector = load_backend("vad", name, config.options("vad", name))
    return vad


class _Run:
    """What becomes of each file of a run."""

    def __init__(
        self,
        config: Config,
        request: TranscriptionRequest,
        jobs: Sequence[_Job],
        recordings: Sequence[FileRecording],
        view: TranscriptionView,
    ) -> None:
        self._config = config
        self._request = request
        self._jobs = jobs
        self._recordings = recordings
        self._view = view
        self._stream = StreamWriter(jobs[0].forms[0], view.write)
        self._writer: StreamWriter | FilesWriter = self._stream
        self._texts: list[str] = []  # of the file under way, if they are compared
        self._n_segments = 0
        self._failed: list[VoiceChatError] = []
        self._comparison = Comparison()
        self._rates: list[tuple[str, ErrorRates]] = []

    def run(self, transcription: Transcription) -> None:
        """Transcribe all the files, and write what comes."""
        with closing(transcription.run(self._recordings)) as events:
            for event in events:
                match event:
                    case FileBegun(number):
                        self._begin(number)
                    case SegmentHeard(number, segment):
                        self._n_segments += 1
                        self._writer.add(segment)
                        if self._jobs[number].reference is not None:
                            self._texts.append(segment.text)
                    case Progress(number, until_s):
                        self._view.advance(until_s, self._recordings[number].duration_s)
                    case FileDone(number, duration_s):
                        self._end(number, duration_s)
                    case FileFailed(number, error):
                        self._fail(number, error)

    def sum_up(self) -> None:
        """Tell what has failed, and how far the transcripts are from the references.

        Raises:
            VoiceChatError: If not all went well.
        """
        rates = self._rates
        if len(self._comparison) > 1:
            rates = [*rates, ("all", self._comparison.total())]
        for name, rate in rates:
            self._view.say(f"{name}: word error rate {rate.words:.1%}, character error rate {rate.characters:.1%}")
        if self._failed and len(self._jobs) == 1:
            raise self._failed[0]
        for error in self._failed:
            self._view.say(f"voicechat: error: {error}")
        if self._failed:
            raise IncompleteError(f"{len(self._failed)} of {_files(len(self._jobs))} failed; the others are done")
        if not self._n_segments:
            names = ", ".join(input_label(job.source.path) for job in self._jobs)
            raise NoSpeechError(f"no speech found in {names}")

    def _begin(self, number: int) -> None:
        job = self._jobs[number]
        self._texts.clear()
        self._view.begin(job.source.below, index=number, n_files=len(self._jobs), n_failed=len(self._failed))
        self._writer = self._stream if job.outputs is None else FilesWriter(job.outputs)
        titled = job.outputs is None and len(self._jobs) > 1
        header = Header(job.source.path, self._config.talk.asr, words=self._request.words, titled=titled)
        self._writer.begin(header)

    def _end(self, number: int, duration_s: float) -> None:
        job, recording = self._jobs[number], self._recordings[number]
        rates = None
        if job.reference is not None:
            rates = self._comparison.add(job.reference, " ".join(self._texts))
            self._rates.append((printable_path(job.source.path), rates))
        try:
            self._writer.end(Footer(duration_s, rates))
        except VoiceChatError as error:
            self._fail(number, error)
            return
        recording.forget()
        recording.close()

    def _fail(self, number: int, error: VoiceChatError) -> None:
        self._failed.append(error)
        self._writer.fail(str(error))
        self._recordings[number].close()


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"
