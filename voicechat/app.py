"""The composition root: a configuration in, a running talk out. The only module that knows concrete classes.

Nothing here decides anything about turns, audio or models; it builds the parts, connects them, and keeps the main
thread's promise: events are shown as they come, Ctrl-C and SIGTERM end things in order, everything is closed.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from voicechat import __version__
from voicechat.audio import echo_canceller
from voicechat.audio.devices import Device
from voicechat.audio.echo_canceller import EchoCanceller, EchoCancellingSource
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.file_errors import printable_path
from voicechat.audio.file_sink import FileSink
from voicechat.audio.file_source import FileSource
from voicechat.audio.microphone import Microphone
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.speaker import Speaker
from voicechat.audio.tee_sink import TeeSink
from voicechat.config import Config
from voicechat.config_files import read_toml, remember, user_file
from voicechat.controls import Controls
from voicechat.endpointer import Endpointer
from voicechat.errors import AudioDeviceError, ConfigError, ModelError, NoSpeechError
from voicechat.event_stream import EventStream
from voicechat.history.store import ConversationStore
from voicechat.interruption import InterruptionDetector
from voicechat.listener import Listener
from voicechat.pauses import Pauses
from voicechat.protocols import AudioSink, AudioSource, Engine, TurnDetector, VoiceActivityDetector
from voicechat.registry import load_backend, load_engine
from voicechat.session import JOIN_TIMEOUT_S, Session
from voicechat.signals import Signals
from voicechat.types import CAPTURE_RATE, Notice, Severity, State, StateChanged
from voicechat.ui import View
from voicechat.ui.jsonl import JsonLog
from voicechat.ui.keyboard import Keyboard
from voicechat.ui.log import RichLog
from voicechat.ui.plain import PlainLog

logger = logging.getLogger(__name__)

TICK_S = 0.1  # between two looks at the screen when nothing happens
STDIO = "-"  # as a file's name: standard input or output
HALF_DUPLEX = "nobody listens while a reply is spoken; with headphones, --headphones lets you interrupt it"
GAP_BEYOND_SILENCE_S = 0.3  # between two input files, more than the silence that ends a turn
SECOND_PRESS_S = 1.0  # a second Ctrl-C within this time ends the talk, whatever is under way


@dataclass(frozen=True)
class TalkRequest:
    """What one talk is asked for besides its configuration."""

    inputs: tuple[str, ...] = ()  # files in place of the microphone; "-" is stdin
    input_rate: int | None = None  # Hz; stdin is then raw 16-bit mono PCM
    output: str | None = None  # file in place of the speaker; "-" is stdout
    play: bool = False  # with `output`: also play the reply, where there is a speaker
    realtime: bool = False  # read the files at the pace of a microphone
    json_lines: bool = False
    save: str | None = None  # folder that keeps the conversation


def run_talk(config: Config, request: TalkRequest) -> None:
    """Hold a talk to its end.

    Raises:
        VoiceChatError: If anything it needs is missing or fails; `NoSpeechError` if its files held no speech.
        KeyboardInterrupt: If Ctrl-C ended it.
        SystemExit: With code 143, if SIGTERM did.
    """
    _check(request)
    events = EventStream()
    events.put(Notice(_introduction(config)))
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(events))
        engine = stack.enter_context(closing(_EngineLoader(config)))
        canceller = _echo_canceller(config, request, events)
        listener = _listener(config, request, stack, interruptible=canceller is not None or config.audio.headphones)
        source, sink = _ends(config, request, canceller, events, stack)
        recorder = _recorder(request, events)
        session = Session(
            source=source,
            sink=sink,
            listener=listener,
            load_engine=engine,
            events=events,
            recorder=recorder,
            turn_by_turn=bool(request.inputs),
        )
        stack.callback(session.close)
        keys = Keyboard(sys.stdin, sys.stdout, wake=events.wake, keys=config.ui.keys, hold=config.ui.hold)
        if config.turn.push_to_talk and not (keys.available and _on_screen(request)):
            raise ConfigError("--push-to-talk needs the keys of a terminal; leave it out, or talk in one")
        view = stack.enter_context(_view(config, request, keys, stack))
        stack.callback(signals.hold)
        controls = Controls(session, push_to_talk=config.turn.push_to_talk, show_mic=view.show_mic)
        _show(session, events, view, keys, controls, signals)
        session.close()
        if request.inputs and session.n_utterances == 0:
            raise NoSpeechError(f"no speech found in {', '.join(map(printable_path, request.inputs))}")


def _check(request: TalkRequest) -> None:
    if request.json_lines and request.output == STDIO:
        raise ConfigError("--json and --output - both want standard output; give --output a file")
    if request.save is not None and not request.save:
        raise ConfigError("--save needs the name of a folder, not ''")
    for path in request.inputs:
        if request.output is not None and path != STDIO and os.path.realpath(path) == os.path.realpath(request.output):
            raise ConfigError(f"--output {printable_path(path)} is also an input, and would be lost; name another file")


def _show(
    session: Session, events: EventStream, view: View, keys: Keyboard, controls: Controls, signals: Signals
) -> None:
    """Show the talk's events until the last; the main thread is here for the whole talk."""
    interrupted_at = -math.inf  # of the last Ctrl-C that stopped a reply
    ending: BaseException | None = None
    deadline = math.inf  # for what comes after the end was asked for
    session.start()
    while not events.ended and time.monotonic() < deadline:
        event = events.next(TICK_S)
        if event is not None:
            view.show(event)
            if isinstance(event, StateChanged) and event.state is State.THINKING:
                controls.turn_ended()
        for command in keys.poll():
            if controls.follow(command):
                deadline = min(deadline, time.monotonic() + JOIN_TIMEOUT_S)
                session.stop()
        view.tick()
        while (number := signals.take()) is not None:
            now = time.monotonic()
            if number == signal.SIGINT and now - interrupted_at > SECOND_PRESS_S and session.interrupt():
                interrupted_at = now
                continue
            ending = ending or signals.exception(number)
            deadline = min(deadline, now + JOIN_TIMEOUT_S)
            session.stop()
    if ending is not None:
        raise ending


def _echo_canceller(config: Config, request: TalkRequest, events: EventStream) -> EchoCanceller | None:
    """Load what lets the user interrupt on open speakers, if this talk needs it and it is there."""
    audio = config.audio
    if request.inputs or (request.output is not None and not request.play) or config.turn.push_to_talk:
        return None
    if audio.headphones and not audio.half_duplex:
        return None
    if audio.aec and not audio.half_duplex:
        try:
            return echo_canceller.load(echo_canceller.Options())
        except ModelError as error:
            events.put(Notice(f"{error}. {HALF_DUPLEX}", Severity.WARNING))
            return None
    events.put(Notice(HALF_DUPLEX))
    return None


def _ends(
    config: Config,
    request: TalkRequest,
    canceller: EchoCanceller | None,
    events: EventStream,
    stack: ExitStack,
) -> tuple[AudioSource, AudioSink]:
    """Open where the talk comes from and where it goes: files, or the devices that no file stands in for."""
    portaudio: PortAudio | None = None
    if not request.inputs or request.output is None or request.play:
        portaudio = _portaudio(request, events, stack)
    source: AudioSource
    if request.inputs:
        source = FileSource(
            request.inputs,
            notify=events.put,
            gap_s=config.patience.limit_ms / 1000 + GAP_BEYOND_SILENCE_S,
            input_rate=request.input_rate,
            realtime=request.realtime,
        )
    else:
        assert portaudio is not None
        source = _microphone(config, portaudio, events)
    stack.callback(source.close)
    reference = None
    if canceller is not None:
        reference = EchoReference()
        source = EchoCancellingSource(source, reference, canceller)
    return source, _sink(config, request, portaudio, reference, events, stack)


def _sink(
    config: Config,
    request: TalkRequest,
    portaudio: PortAudio | None,
    reference: EchoReference | None,
    events: EventStream,
    stack: ExitStack,
) -> AudioSink:
    file: FileSink | None = None
    if request.output is not None:
        file = FileSink(request.output)
        stack.callback(file.close)
        if portaudio is None or not request.play:
            return file
    assert portaudio is not None
    try:
        speaker = _speaker(config, portaudio, reference, events)
    except AudioDeviceError as error:
        if file is None:
            raise
        events.put(_not_played(error))
        return file
    stack.callback(speaker.close)
    return speaker if file is None else TeeSink(file, speaker)


def _portaudio(request: TalkRequest, events: EventStream, stack: ExitStack) -> PortAudio | None:
    try:
        return stack.enter_context(PortAudio())
    except AudioDeviceError as error:
        if not request.inputs or request.output is None:
            raise
        events.put(_not_played(error))
        return None


def _not_played(error: AudioDeviceError) -> Notice:
    what, _, _advice = str(error).partition(";")  # the advice is to use --output
    return Notice(f"not played: {what}")


def _microphone(config: Config, portaudio: PortAudio, events: EventStream) -> Microphone:
    audio = config.audio
    microphone = Microphone(portaudio, audio.mic or None, buffer_ms=audio.buffer_ms, wait=audio.wait, notify=events.put)
    _remember(config, "audio.mic", microphone.device, events)
    return microphone


def _speaker(config: Config, portaudio: PortAudio, reference: EchoReference | None, events: EventStream) -> Speaker:
    audio = config.audio
    speaker = Speaker(
        portaudio,
        audio.speaker or None,
        buffer_ms=audio.buffer_ms,
        wait=audio.wait,
        notify=events.put,
        reference=reference,
    )
    _remember(config, "audio.speaker", speaker.device, events)
    return speaker


def _remember(config: Config, key: str, device: Device, events: EventStream) -> None:
    """Keep a device that was named on the command line, by its whole name, for the next talk."""
    if not config.origin(key).startswith("--"):
        return
    table, name = key.split(".")
    try:
        if read_toml(user_file(), missing_ok=True).get(table, {}).get(name) == device.full_name:
            return
        remember(key, device.full_name)
    except ConfigError as error:
        events.put(Notice(f"{device.full_name!r} is not remembered: {error}", Severity.WARNING))
    else:
        events.put(Notice(f"{key} = {device.full_name!r} is remembered in {user_file()}"))


def _listener(config: Config, request: TalkRequest, stack: ExitStack, *, interruptible: bool) -> Listener:
    turn = config.turn
    vad: VoiceActivityDetector = load_backend("vad", config.talk.vad, config.options("vad", config.talk.vad))
    endpointer = Endpointer(
        frame_ms=vad.frame_samples / CAPTURE_RATE * 1000,
        min_speech_ms=turn.min_speech_ms,
        end_silence_ms=config.patience.usual_ms,
        max_turn_s=turn.max_turn_s,
    )
    return Listener(
        vad,
        endpointer,
        pre_roll_ms=turn.pre_roll_ms,
        pauses=_pauses(config, request, stack) if config.patience.judges else None,
        interruptions=InterruptionDetector(frame_samples=vad.frame_samples) if interruptible else None,
        by_key=turn.push_to_talk,
        meter=config.ui.meter and not request.inputs,
    )


def _pauses(config: Config, request: TalkRequest, stack: ExitStack) -> Pauses:
    name = config.talk.turn_detector
    detector: TurnDetector = load_backend("turn_detector", name, config.options("turn_detector", name))
    stack.callback(detector.close)
    # In a file words come when the machine has time, so that turns would end now here, now there; and of what
    # pocketsphinx understands half is wrong, which does more harm than good.
    words = config.talk.asr != "pocketsphinx" and (not request.inputs or request.realtime)
    return Pauses(detector, config.patience, words=words)


def _recorder(request: TalkRequest, events: EventStream) -> ConversationStore | None:
    return None if request.save is None else ConversationStore(request.save, notify=events.put)


def _introduction(config: Config) -> str:
    """Say who answers and, for the assistant that is there when nothing else is, what it is worth."""
    if config.talk.engine != "cascade":
        return f"{config.talk.engine} answers"
    parts = f"{config.talk.asr}, {config.talk.llm}, {config.talk.tts}"
    if config.profile != "offline":
        return f"{parts} answer"
    return f"the built-in offline assistant answers ({parts}); it is small: ask it what it can do"


def _on_screen(request: TalkRequest) -> bool:
    """Whether the talk is shown to somebody at a terminal."""
    out = sys.stdout
    return not request.json_lines and request.output != STDIO and out is not None and out.isatty()


def _view(config: Config, request: TalkRequest, keys: Keyboard, stack: ExitStack) -> View:
    out, err = _or_nowhere(sys.stdout, stack), _or_nowhere(sys.stderr, stack)
    if request.json_lines:
        return JsonLog(out, version=__version__, engine=config.talk.engine)
    if request.output == STDIO:  # standard output carries the reply's audio
        return PlainLog(err, err)
    if not _on_screen(request):
        return PlainLog(out, err)
    return RichLog(live=not logger.isEnabledFor(logging.INFO), keys=keys)


class _EngineLoader:
    """Loads the configured engine when it is first called, which the responding thread does while all else starts."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._engine: Engine | None = None

    def __call__(self) -> Engine:
        if self._engine is None:
            started_at = time.monotonic()
            name = self._config.talk.engine
            self._engine = load_engine(name, self._config.options("engine", name), self._backend)
            logger.info("engine %s loaded in %.2f s", name, time.monotonic() - started_at)
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def _backend(self, kind: str) -> Any:
        name = getattr(self._config.talk, kind)
        return load_backend(kind, name, self._config.options(kind, name))


def _or_nowhere(stream: TextIO | None, stack: ExitStack) -> TextIO:
    """Give a standard stream; what one that the caller has closed would have got goes nowhere."""
    return stack.enter_context(Path(os.devnull).open("w")) if stream is None else stream
