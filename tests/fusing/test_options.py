# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options of a fusion: declared once, refused where they make no sense, read by the command line without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from monai_strainer import FuseOptions, InputError
from monai_strainer.cli.command_line import _parser
from monai_strainer.restoring.options import declared


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"spacing": 0.0}, "not above 0"),
        ({"spacing": float("nan")}, "not finite"),
        ({"spacing": "1 mm"}, "spacing '1 mm' is no number"),
        ({"thickness": 0.0}, "thickness 0 is not above 0"),
        ({"align": 0}, "align 0 is neither true nor false"),
        ({"method": "magic"}, "there is no method 'magic'"),
        ({"profile": "auto"}, "profile"),
        ({"sigma": -1.0}, "sigma -1 is below 0"),
        ({"sigma": float("inf")}, "sigma inf is not finite"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        FuseOptions(**given)


@pytest.mark.parametrize("name", declared(FuseOptions))
def test_the_command_line_has_every_declared_option_and_its_default(name: str) -> None:
    args = vars(_parser().parse_args(["fuse", "a", "b", "out"]))
    assert args[name] == declared(FuseOptions)[name]["default"]


def test_an_option_is_declared_for_the_command_line_or_python_alone() -> None:
    assert {one.name for one in fields(FuseOptions)} == {*declared(FuseOptions), "like", "seed"}


def test_an_option_that_is_on_by_default_is_a_flag_that_turns_it_off() -> None:
    assert _parser().parse_args(["fuse", "a", "b", "out", "--no-align"]).align is False


def test_reading_the_options_does_not_wait_for_torch() -> None:
    code = "import sys, monai_strainer.cli, monai_strainer.fusing.options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_slices_do_not_move_where_the_headers_are_believed() -> None:
    with pytest.raises(InputError, match="slices cannot move"):
        FuseOptions(align=False, motion="slice")
