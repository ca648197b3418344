# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``restore`` and ``bids`` share the options of a restoration, with one default each."""

from __future__ import annotations

from monai_strainer.cli.command_line import _parser
from monai_strainer.restoring.options import declared


def test_both_commands_have_every_declared_option_with_its_default() -> None:
    one = vars(_parser().parse_args(["restore", "a.nii", "b.nii"]))
    two = vars(_parser().parse_args(["bids", "raw", "out", "participant"]))
    for name, option in declared().items():
        assert one[name] == two[name] == option["default"], name


def test_the_last_of_several_paths_is_the_output() -> None:
    args = _parser().parse_args(["restore", "a.nii", "b.nii", "out"])
    assert [path.name for path in args.inputs] == ["a.nii", "b.nii"] and args.output.name == "out"
