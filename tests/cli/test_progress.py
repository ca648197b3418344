# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Progress: the time that is left after two steps, few lines afterwards, a bar on a terminal."""

from __future__ import annotations

import logging
import re
import sys

import pytest

from monai_strainer.cli import progress
from monai_strainer.cli.messages import messages_of
from monai_strainer.cli.progress import Progress

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_two_steps_say_how_long_it_takes_and_then_few_lines_follow(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with messages_of(False, False, None), Progress("training", "step", clock=clock) as shown:
        clock.now = 100.0  # the first step sets things up and says nothing about the others
        for step in range(1200):
            shown.move(step + 1, 1200)
            clock.now += 2.0
    lines = [re.sub(STAMP, "", line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "training: about 40 min on this machine"
    assert lines[1].startswith("training: step ") and lines[1].endswith(" min left")
    assert lines[-1] == "training: done in 42 min"
    assert len(lines) < 25


def test_a_resumed_training_counts_from_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with messages_of(False, False, None), Progress("training", "step", clock=clock) as shown:
        for step in (1000, 1001, 1002):
            shown.move(step, 1102)
            clock.now += 6.0
    assert "training: about 10 min on this machine" in capsys.readouterr().err


def test_another_part_of_the_work_has_its_own_time(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with messages_of(False, False, None), Progress("restoring", "slice", clock=clock) as shown:
        for total, seconds in ((100, 1.0), (60, 10.0)):  # steps of an adaptation, then slices, which take longer
            for step in range(10):
                shown.move(step + 1, total)
                clock.now += seconds
    said = capsys.readouterr().err
    assert "restoring: about 2 min on this machine" in said and "restoring: about 10 min on this machine" in said


def test_short_work_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with messages_of(False, False, None), Progress("training", "step", clock=clock) as shown:
        for step in range(10):
            shown.move(step + 1, 10)
            clock.now += 1.0
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_and_lines_without_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (progress, sys.modules["monai_strainer.cli.messages"]):
        monkeypatch.setattr(module, "is_terminal", lambda: True)
    with messages_of(False, False, None), Progress("training", "step") as shown:
        shown.move(1, 2)
        logging.getLogger("monai_strainer").info("a line")
    said = capsys.readouterr().err
    assert "training:  50%" in said and "\ra line\n" in said and "20" not in said.partition("a line")[0]
