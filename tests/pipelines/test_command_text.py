# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command line on a page parses to the options it was made from, and names no folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from phantoms import small_prior

from monai_strainer import FuseOptions, RestoreOptions, load_prior
from monai_strainer.cli.command_line import _parser
from monai_strainer.pipelines.command_text import command_text, fuse_text
from monai_strainer.pipelines.restore_file import FileOptions, Outputs
from monai_strainer.pipelines.stack_files import StackFiles
from monai_strainer.restoring.options import declared

CASES = [
    FileOptions(),
    FileOptions((1.0,), restore=RestoreOptions(sigma=12.5, noise="gaussian", adapt=0, keep_lesions=True, seed=3)),
    FileOptions((1.0, 1.0, 2.5), restore=RestoreOptions(profile="gaussian", thickness=4.0), form="qform", volume=2),
    FileOptions(spacing=(1.0, 0.5, 1.0), restore=RestoreOptions(method="coordinates", steps=0)),
]


@pytest.mark.parametrize("options", CASES)
def test_it_parses_to_the_same_options(options: FileOptions) -> None:
    text = command_text(Path("/home/SECRET/a b.nii.gz"), Path("out.nii.gz"), load_prior(), options, Outputs(std=True))
    assert "SECRET" not in text and "--prior" not in text
    args = _parser().parse_args(shlex.split(text)[1:])
    assert args.inputs == [Path("a b.nii.gz")] and args.std and not args.report
    assert {name: getattr(args, name) for name in declared()} == {
        name: getattr(options.restore, name) for name in declared()
    }
    assert tuple(args.spacing or ()) == (options.spacing or ()) and (options.spacing or args.scale == [*options.scale])
    assert (args.seed, args.volume, args.form) == (options.restore.seed, options.volume, options.form)


@pytest.mark.parametrize("options", [FuseOptions(), FuseOptions(spacing=0.8, align=False, sigma=12.5, seed=3)])
def test_that_of_a_fusion_parses_to_the_same_options(options: FuseOptions) -> None:
    names, like = [Path("/home/SECRET/a b.nii.gz"), Path("/home/SECRET")], Path("/home/SECRET/c.nii")
    files = StackFiles(names, volumes=[1, 2], series_uids=["", "1.2.SECRET"], form="qform", like=like)
    text = fuse_text(files, Path("out.nii.gz"), load_prior(), options, Outputs(report=True))
    assert "SECRET" not in text and "--prior" not in text
    args = _parser().parse_args(shlex.split(text)[1:])
    assert args.input == [Path("a b.nii.gz"), Path("DICOM")] and args.report and not args.std
    assert all(getattr(args, name) == getattr(options, name) for name in declared(FuseOptions))
    assert (args.seed, args.like) == (options.seed, Path("IMAGE"))
    assert (args.volume, args.series_uid, args.form) == ([1, 2], ["", "UID"], "qform")


def test_no_folder_and_no_identifier_of_a_series_is_named() -> None:
    options = FileOptions(series_uid="1.2.SECRET", restore=RestoreOptions(sigma=np.ones((2, 2, 2), np.float32)))
    text = command_text(Path("/data/SECRET"), Path("/out/SECRET"), small_prior(), options, Outputs())
    assert "SECRET" not in text
    assert text == "monai-strainer restore DICOM OUT --scale 2 --sigma MAP --series-uid UID --prior BUNDLE"


def test_what_is_written_beside_the_scan_is_named(tmp_path: Path) -> None:
    options, outputs = FileOptions((1.0,), mask=tmp_path), Outputs(labels=tmp_path, residual=True, mask=True)
    text = command_text(Path("a.nii"), Path("b.nii"), load_prior(), options, outputs)
    assert text.endswith("--scale 1 --mask MASK --labels LABELS --residual --write-mask")
    args = _parser().parse_args(shlex.split(text)[1:])
    assert args.residual and args.write_mask and not args.std
