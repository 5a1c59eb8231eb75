from __future__ import annotations

from voicechat.doctor.finding import Status
from voicechat.doctor.sound_server import judge
from voicechat.doctor.surroundings import Evidence

THERE = Evidence(server_answers=True, environ={"PULSE_SERVER": "unix:/run/native"})


class Pactl:
    """Answers as pactl does."""

    def __init__(self, *muted: str) -> None:
        self._muted = muted

    def __call__(self, *arguments: str) -> str:
        if arguments == ("info",):
            return "Server String: /run/native\nServer Name: PulseAudio (on PipeWire 1.2.7)\nDefault Sink: spk\n"
        return f"Mute: {'yes' if arguments[0] in self._muted else 'no'}\n"


def only(evidence: Evidence, pactl) -> object:
    (finding,) = judge(evidence, pactl)
    return finding


def test_without_a_server_the_devices_are_used_directly():
    assert only(Evidence(), Pactl()).status is Status.SKIPPED


def test_a_server_that_does_not_answer_is_named_by_its_address():
    finding = only(Evidence(server_answers=False, environ={"PULSE_SERVER": "tcp:desk"}), Pactl())

    assert finding.status is Status.WARN
    assert "tcp:desk" in finding.detail


def test_a_server_that_mutes_nothing_is_fine_and_named():
    finding = only(THERE, Pactl())

    assert finding.status is Status.OK
    assert finding.values["server"] == "PulseAudio (on PipeWire 1.2.7)"


def test_each_end_that_is_muted_has_the_command_that_unmutes_it():
    both = only(THERE, Pactl("get-source-mute", "get-sink-mute"))
    one = only(THERE, Pactl("get-source-mute"))

    assert "has muted the microphone and the speaker" in both.detail
    assert both.fix == "pactl set-source-mute @DEFAULT_SOURCE@ 0; pactl set-sink-mute @DEFAULT_SINK@ 0"
    assert (one.values["microphone_muted"], one.values["speaker_muted"]) == (True, False)
    assert "speaker" not in one.detail


def test_without_pactl_it_is_enough_that_the_server_answers():
    finding = only(THERE, lambda *_arguments: "")

    assert (finding.status, finding.values["server"]) == (Status.OK, None)
