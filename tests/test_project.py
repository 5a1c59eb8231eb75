"""The files around the code agree with it: pinned versions, licences, exit codes, the demo's question."""

from __future__ import annotations

import re
import tomllib
import wave
from pathlib import Path

import pytest

from voicechat import errors

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
README = (ROOT / "README.md").read_text("utf-8")


def required(requirements: list[str]) -> set[str]:
    """Give the names of the packages that are required, without voicechat's own extras."""
    names = {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}
    return names - {"voicechat"}


BASE = required(PROJECT["project"]["dependencies"])
EXTRAS = required([r for extra in PROJECT["project"]["optional-dependencies"].values() for r in extra])
DEV = required(PROJECT["dependency-groups"]["dev"])


def test_every_dependency_has_a_tested_version():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}

    assert pinned >= BASE | EXTRAS | DEV


def test_every_dependency_of_the_user_has_its_licence_in_the_readme():
    listed = set(re.findall(r"^\| \[([a-z0-9-]+)\]\(https://pypi\.org/project/", README, re.MULTILINE))

    assert listed == BASE | EXTRAS


def test_every_exit_code_of_an_error_is_in_the_readme():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {str(kind.exit_code) for kind in kinds if issubclass(kind, errors.VoiceChatError)}

    assert codes <= set(re.findall(r"^\| (\d+) \|", README, re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_to_a_file_leads_somewhere(page: str):
    targets = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text("utf-8"))

    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_make_targets_that_are_named_exist():
    pages = README + (ROOT / "CONTRIBUTING.md").read_text("utf-8") + (ROOT / ".ci/run").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", pages, re.MULTILINE)) <= set(targets)


def test_the_demo_question_is_small_and_says_something():
    with wave.open(str(ROOT / "config/demo/question.wav")) as question:
        form = (question.getnchannels(), question.getsampwidth(), question.getframerate())
        seconds = question.getnframes() / question.getframerate()

    assert form == (1, 2, 16_000)
    assert 1 < seconds < 5
