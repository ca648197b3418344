# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options from a TOML file: they are those of the command line, which goes before."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from monai_strainer.cli import main
from monai_strainer.cli.command_line import _parser
from monai_strainer.cli.config_file import with_config
from monai_strainer.errors import InputError


def parsed(tmp_path: Path, text: str, *words: str, start: str = "restore a.nii b.nii") -> argparse.Namespace:
    (tmp_path / "site.toml").write_text(text)
    return with_config(_parser(), [*start.split(), "--config", str(tmp_path / "site.toml"), *words])


def test_options_of_a_file_are_read_as_those_of_the_command_line(tmp_path: Path) -> None:
    text = 'scale = "2,2,1"\nstd = true\nkeep-lesions = true\nsigma = 20\nprofile = "gaussian"\nresidual = false\n'
    args = parsed(tmp_path, text)
    again = _parser().parse_args(
        [
            "restore",
            "a.nii",
            "b.nii",
            "--scale",
            "2,2,1",
            "--std",
            "--keep-lesions",
            "--sigma",
            "20",
            "--profile",
            "gaussian",
        ]
    )
    assert {**vars(args), "config": None} == vars(again)
    assert parsed(tmp_path, "scale = [2, 2, 1]").scale == [2, 2, 1]
    assert parsed(tmp_path, "keep_lesions = true").keep_lesions is True


def test_the_command_line_goes_before(tmp_path: Path) -> None:
    assert parsed(tmp_path, "scale = 2\nseed = 5", "--scale", "1").scale == [1]
    args = parsed(tmp_path, 'spacing = "1,1,1"', "--scale", "1")  # both would contradict each other
    assert args.scale == [1] and args.spacing is None


def test_every_command_takes_a_file(tmp_path: Path) -> None:
    args = parsed(tmp_path, 'participant-label = ["01", "02"]\nnprocs = 2', start="bids a b participant")
    assert args.participant_label == ["01", "02"] and args.nprocs == 2
    assert parsed(tmp_path, "steps = 7", start="pretrain a b").pretrain_steps == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scael = 2", "there is no option 'scael'"),
        ("config = 'a'", "there is no option 'config'"),
        ('std = "yes"', "neither true nor false"),
        ("scale = true", "takes a value"),
        ('profile = "boxx"', "invalid choice"),
        ('sigma = "much"', "not a number"),
        ("scale 2", "is not TOML"),
    ],
)
def test_what_is_no_option_is_refused_by_file_and_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        parsed(tmp_path, text)
    assert str(refused.value).startswith("site.toml: ")


def test_a_missing_file_ends_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", "a.nii", "b.nii", "--config", str(tmp_path / "no.toml")]) == 3
    assert "no.toml: the file cannot be read" in capsys.readouterr().err
