# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every numeric option of every command has limits, and a value outside of them is refused before anything is done."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import pytest

from monai_strainer.cli import main
from monai_strainer.cli.command_line import _parser
from monai_strainer.cli.limits import Number, number_or_auto, numbers

COMMANDS = next(part for part in _parser()._actions if isinstance(part, argparse._SubParsersAction)).choices
WORDS = {
    "bids": ["a", "b", "group"],
    "demo": [],
    "denoise-image": ["-i", "a.nii.gz", "-o", "b.nii.gz"],
    "evaluate": ["a"],
    "restore": ["a", "b.nii.gz"],
}
NUMBERS = [
    (name, action) for name, one in COMMANDS.items() for action in one._actions if isinstance(action.type, Number)
]


def outside(option: Number) -> list[str]:
    """Values that lie outside of the limits of an option."""
    step, is_int = (1, True) if option.read is int else (0.5, False)
    limits = option.limits
    below = [limits.least - step] if limits.least > -math.inf else []
    beyond = [limits.most + step] if limits.most < math.inf else []
    equal = [limits.above, limits.above - step] if limits.above > -math.inf else []
    return [*map(str, below + beyond + equal), *([] if is_int else ["nan", "inf"])]


CASES = [(name, action.option_strings[0], bad) for name, action in NUMBERS for bad in outside(action.type)]


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_a_number_outside_of_its_limits_is_refused(
    command: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *WORDS.get(command, ["a", "b"]), f"{option}={value}"]) == 3
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"monai-strainer: {option} ") and "Give " in said.err


@pytest.mark.parametrize(
    ("command", "action"), NUMBERS, ids=[f"{name} {action.option_strings[0]}" for name, action in NUMBERS]
)
def test_every_number_has_a_limit_and_its_default_lies_within(command: str, action: Any) -> None:
    assert outside(action.type) and (action.type.read is not int or outside(action.type) != ["nan", "inf"])
    assert action.default is None or action.type.limits.fault(action.default) is None


@pytest.mark.parametrize("command", COMMANDS)
def test_no_number_is_read_without_limits(command: str) -> None:
    plain = (int, float, numbers, number_or_auto)
    loose = [one.option_strings for one in COMMANDS[command]._actions if one.type in plain and one.choices is None]
    assert loose == []


def test_the_numbers_of_a_file_have_the_same_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "options.toml").write_text('scale = "2,0,1"\n')
    assert main(["restore", "a", "b.nii.gz", "--config", str(tmp_path / "options.toml")]) == 3
    assert capsys.readouterr().err == "monai-strainer: --scale 0 is not above 0. Give more than 0.\n"


@pytest.mark.parametrize(
    ("limits", "value", "fault"),
    [
        (Number(int, least=0, most=9), 9, None),
        (Number(int, least=0, most=9), 10, "is above 9"),
        (Number(int, least=0), 10**400, None),
        (Number(float, above=0), math.nan, "is not finite"),
        (Number(float), -1e9, None),
    ],
)
def test_a_value_at_the_limit_is_within(limits: Number, value: float, fault: str | None) -> None:
    assert limits.limits.fault(value) == fault


def test_what_is_no_number_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", "a", "--steps", "x"])
    assert exit_.value.code == 2 and "invalid int value: 'x'" in capsys.readouterr().err
