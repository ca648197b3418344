# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options of a bundle run that no configuration knows are refused, however they are written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monai_strainer import InputError
from monai_strainer.bundle.parts import refuse_typos

from .conftest import BUNDLE, options

LAUNCH = ["/any/where/monai/bundle/__main__.py", "run", "--config_file"]


def test_a_misspelt_option_ends_the_command(tiny_bundle: Path, cohort_dir: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "monai.bundle", "run", "--config_file", tiny_bundle / "configs/inference.json"]
    given = options({"bundle_root": tiny_bundle, "dataset_dir": cohort_dir, "ouput_dir": tmp_path / "out"})
    done = subprocess.run([*words, *given], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode != 0 and "the configuration has no --ouput_dir" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [["--ouput_dir=x"], ["-ouput_dir", "x"], ["--inferrer#steps", "3"]], ids=str)
def test_a_misspelt_option_is_refused_however_it_is_written(more: list[str]) -> None:
    with pytest.raises(InputError, match="Check the spelling"):
        refuse_typos([*LAUNCH, str(BUNDLE / "configs/inference.json"), *more])


@pytest.mark.parametrize("more", [["--scale-factor=2"], ["--seed", "-1"], ["--inferer::steps", "3"]], ids=str)
def test_a_known_option_is_taken_however_it_is_written(more: list[str]) -> None:
    refuse_typos([*LAUNCH, str(BUNDLE / "configs/inference.json"), *more])


def test_options_are_known_from_wherever_the_configuration_comes(tmp_path: Path) -> None:
    spaced, args = tmp_path / "my configs" / "inference.json", tmp_path / "args.json"
    spaced.parent.mkdir()
    shutil.copy(BUNDLE / "configs/inference.json", spaced)
    (spaced.parent / "more.yaml").write_text("knob: 1\n")
    args.write_text(json.dumps({"config_file": str(spaced), "steps": 1}))
    refuse_typos([*LAUNCH, f"['{spaced}','{spaced.parent}/more.yaml']", "--knob", "2", "--steps", "3"])
    refuse_typos([*LAUNCH[:2], "--args_file", str(args), "--scale_factor", "2"])
    args.write_text(json.dumps({"config_file": str(spaced), "stepps": 1}))
    with pytest.raises(InputError, match="--stepps"):
        refuse_typos([*LAUNCH[:2], "--args_file", str(args)])


def test_another_program_may_have_a_run_command() -> None:
    refuse_typos(["/home/me/monai_strainer/study.py", "run", "--rate", "3"])
