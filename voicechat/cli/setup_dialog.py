"""The questions of `voicechat setup`: which microphone, which speaker, are they heard, shall the choice be kept?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing

import typer
from rich.console import Console
from rich.text import Text

from voicechat.audio.dead_microphone import describe, how_to_revive
from voicechat.audio.devices import ROLES, Device, Kind, match_device
from voicechat.audio.portaudio import PortAudio
from voicechat.config import Config, load_config
from voicechat.config_files import remember_all, user_file
from voicechat.doctor.chime import play_chime
from voicechat.doctor.examination import examine
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.hearing import Hearing
from voicechat.doctor.plan import PROBES
from voicechat.doctor.speech_check import SpeechCheck, is_faint
from voicechat.doctor.subject import Subject
from voicechat.doctor.timed_recording import TimedRecording
from voicechat.errors import AudioDeviceError
from voicechat.protocols import VoiceActivityDetector
from voicechat.registry import load_backend
from voicechat.ui.meter_line import MeterLine
from voicechat.ui.sanitize import printable
from voicechat.ui.terminal_mode import TerminalMode

CONFIG_KEYS: dict[Kind, str] = {"input": "audio.mic", "output": "audio.speaker"}


class SetupDialog:
    """One run of the dialog, on the terminal that stdin and stdout are."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._console = Console(highlight=False)
        self._portaudio = PortAudio()

    def run(self) -> bool:
        """Ask everything; write the answers if the user wants them kept, and give whether they were.

        Raises:
            AudioDeviceError: If there is no microphone or no speaker at all.
            ConfigError: If the file cannot be written.
            typer.Abort: If the user has had enough.
        """
        with closing(self._portaudio):
            microphone, floor_dbfs = self._microphone()
            speaker = self._speaker()
        delay_ms = self._echo_delay_ms(microphone, speaker)
        values: dict[str, str | float] = {
            "audio.mic": microphone.full_name,
            "audio.speaker": speaker.full_name,
            "audio.noise_floor_dbfs": round(min(floor_dbfs, -0.1), 1),
            "audio.echo_delay_ms": round(max(0.0, delay_ms), 1),
        }
        self._heading("Keep it?")
        for key, value in values.items():
            self._say(f"  {key} = {value!r}" if isinstance(value, str) else f"  {key} = {value}")
        if not self._confirm(f"Write this into {user_file()}?", default=True):
            return False
        remember_all(values)
        self._say_what_wins(values)
        self._say("Kept. Now: voicechat talk", "bold green")
        return True

    def _microphone(self) -> tuple[Device, float]:
        """Let the user choose a microphone that works; give it, and the noise of the room in dBFS."""
        while True:
            device = self._choose("input", self._config.audio.mic)
            try:
                floor_dbfs = self._hear(device)
            except AudioDeviceError as error:
                self._say(str(error), "yellow")
                continue
            if floor_dbfs is not None:
                return device, floor_dbfs

    def _speaker(self) -> Device:
        while True:
            device = self._choose("output", self._config.audio.speaker)
            answer = "again"
            while answer == "again":
                self._say("Three notes ...")
                try:
                    play_chime(device, buffer_ms=self._config.audio.buffer_ms)
                except AudioDeviceError as error:
                    self._say(str(error), "yellow")
                    break
                answer = self._choice("Did you hear them? (yes, no, again)", "yes", ("yes", "no", "again"))
            if answer == "yes":
                return device

    def _choose(self, kind: Kind, configured: str) -> Device:
        """List the devices of a kind; give the one that is named by its number or part of its name."""
        role = ROLES[kind]
        self._portaudio.rescan()  # a headset may have been plugged in since
        devices = self._portaudio.devices(kind)
        match_device(devices, None, kind)  # says so if there is none
        listed = [device for device in devices if device.in_default_api] or devices
        default = _default_number(listed, devices, configured, kind)
        self._heading(f"{role.capitalize()}s")
        for number, device in enumerate(listed, 1):
            name = printable(device.full_name, single_line=True)
            note = "   the system's own choice" if device.is_default else ""
            self._say(f"  {number:2}  {name}{note}", "bold" if number == default else "")
        if len(listed) < len(devices):
            self._say(f"  and {len(devices) - len(listed)} more by other host APIs: voicechat devices", "dim")
        while True:
            try:
                return chosen(
                    self._ask(f"Which {role}? Its number, or part of its name", str(default)), listed, devices, kind
                )
            except AudioDeviceError as error:
                self._say(str(error), "yellow")

    def _hear(self, device: Device) -> float | None:
        """Listen to the room and then to the user; give the room's noise in dBFS, None if it is not to be used.

        Raises:
            AudioDeviceError: If the microphone cannot be opened, or stops.
        """
        with closing(TimedRecording(device, buffer_ms=self._config.audio.buffer_ms)) as recording:
            hearing = Hearing(recording)
            mode = TerminalMode(sys.stdin)  # keys hit meanwhile would tear the meter, and answer what comes next
            mode.start()
            try:
                self._say("Please be quiet for two seconds: how loud is the room?")
                with MeterLine(self._console, "the room") as meter:
                    died = hearing.listen_to_room(meter.show)
                if died is not None:
                    self._say(f"{device.name!r} {describe(died)}", "yellow")
                    self._say(f"to do: {how_to_revive()}", "yellow")
                    return None
                self._say("Now say something, as you will to the assistant.")
                with MeterLine(self._console, "you     ") as meter:
                    check = hearing.listen_to_user(self._vad(), meter.show)
            finally:
                mode.restore()
        fine = self._judge(check, hearing.noise_floor_dbfs, clips=hearing.clips)
        return hearing.noise_floor_dbfs if self._confirm("Use this microphone?", default=fine) else None

    def _vad(self) -> VoiceActivityDetector:
        name = self._config.talk.vad
        vad: VoiceActivityDetector = load_backend("vad", name, self._config.options("vad", name))
        return vad

    def _judge(self, check: SpeechCheck, floor_dbfs: float, *, clips: bool) -> bool:
        """Say what was heard; give whether the microphone can be used."""
        speech_dbfs = check.speech_dbfs
        if speech_dbfs is None or not check.enough:
            self._say("I did not hear you speak: is it this microphone, and is it turned up?", "yellow")
            return False
        above = f"your voice is at {speech_dbfs:.0f} dBFS, {speech_dbfs - floor_dbfs:.0f} dB above the room"
        if is_faint(speech_dbfs, floor_dbfs):
            self._say(f"I hear you, but hardly: {above}; come closer, or turn the microphone up", "yellow")
        elif clips:
            self._say(f"I hear you, but it clips: {above}; turn the microphone down", "yellow")
        else:
            self._say(f"I hear you: {above}.", "green")
        return True

    def _echo_delay_ms(self, microphone: Device, speaker: Device) -> float:
        """Measure the way from the speaker to the microphone, in a process of its own; 0 if nothing comes back."""
        self._heading("Both together")
        self._say("A short sweep; please be quiet ...")
        subject = Subject(microphone.full_name, speaker.full_name, self._config.audio.buffer_ms)
        probes = [probe for probe in PROBES if probe.name == "echo_path"]
        with closing(examine(subject, probes)) as steps:
            found = next(step for step in steps if isinstance(step, Finding) and step.name == "echo_path")
        self._say(found.detail, "" if found.status is Status.OK else "yellow")
        if found.fix:
            self._say(f"to do: {found.fix}", "yellow")
        delay_ms = found.values.get("delay_ms")
        return delay_ms if isinstance(delay_ms, float) else 0.0

    def _say_what_wins(self, values: dict[str, str | float]) -> None:
        config = load_config()
        for key in CONFIG_KEYS.values():
            if config.settings[key].value != values[key]:
                self._say(f"{config.origin(key)} is set, and goes before it", "yellow")

    def _heading(self, text: str) -> None:
        self._say("")
        self._say(text, "bold cyan")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(printable(text), style))

    def _ask(self, question: str, default: str) -> str:
        # Not as input's own prompt: that goes through C's stderr, which is silenced as long as PortAudio is there.
        self._console.print(Text(f"{printable(question, single_line=True)} [{default}]: "), end="")
        try:
            return input().strip() or default
        except EOFError:
            raise typer.Abort from None

    def _choice(self, question: str, default: str, answers: Sequence[str]) -> str:
        """Ask until the answer is one of `answers`, or begins one."""
        while True:
            typed = self._ask(question, default).lower()
            for answer in answers:
                if answer.startswith(typed):
                    return answer

    def _confirm(self, question: str, *, default: bool) -> bool:
        return self._choice(f"{question} (yes, no)", "yes" if default else "no", ("yes", "no")) == "yes"


def chosen(answer: str, listed: Sequence[Device], devices: Sequence[Device], kind: Kind) -> Device:
    """Give the device that an answer means: a number of the list, or a name or part of one.

    Raises:
        AudioDeviceError: If it means none, or several.
    """
    answer = answer.strip()
    if answer.isdecimal():
        if 1 <= int(answer) <= len(listed):
            return listed[int(answer) - 1]
        raise AudioDeviceError(f"there is no {answer}; type a number from 1 to {len(listed)}")
    return match_device(devices, answer, kind)


def _default_number(listed: Sequence[Device], devices: Sequence[Device], configured: str, kind: Kind) -> int:
    """Give the number of the device that is used now, else of the system's own choice, else 1."""
    try:
        used = match_device(devices, configured, kind)
    except AudioDeviceError:
        used = match_device(devices, None, kind)
    return listed.index(used) + 1 if used in listed else 1
