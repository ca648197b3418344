# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command that a prior records makes the same prior: the command line reads it back to the same options."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from monai_strainer.cli.command_line import _parser
from monai_strainer.cli.learn_general import _recipes
from monai_strainer.cli.recipes import command_of, general_command_of, recipe_of

FREE = {"input", "output", "run", "bids_filter_file", "overwrite", "resume", "quiet", "tensorboard"}
COMMANDS = [
    "pretrain A B",
    "pretrain A B --grid 4,12,14 --steps 3 --detail-steps 0 --images 5 --plane coronal --seed 7 --device cpu",
    "pretrain A B --recipe paper --contrast T2w --detail-steps 2 --resume --quiet",
    "pretrain A B --kind meta --steps 9",
    "pretrain A B --from general_strainer --steps 0 --detail-steps 9 --seed 2",
    "pretrain A B --from mri_strainer",
    "bids A B group",
    "bids A B group --pretrain-steps 5 --grid 4,12,14 --detail-steps 0 --participant-label 01 2+x --session-label a",
    "bids A B group --bids-filter-file some/filter.json --contrast FLAIR --images 4 --seed 3 --overwrite",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_recorded_command_is_read_back_to_the_same_options(line: str) -> None:
    args = _parser().parse_args(line.split())
    recipe = recipe_of(args)
    program, *words = shlex.split(command_of(args, recipe))
    again = _parser().parse_args(words)
    assert program == "monai-strainer" and recipe_of(again) == recipe
    numbers = {"grid", "pretrain_steps", "detail_steps", "images"}  # they are in the plan, which is the same
    kept = vars(args).keys() - FREE - numbers
    assert {name: vars(again)[name] for name in kept} == {name: vars(args)[name] for name in kept}
    assert {name: vars(args)[name] for name in numbers if vars(args)[name] is not None}.items() <= vars(again).items()


def test_the_recorded_command_names_no_folder() -> None:
    line = "bids /clinic/doe /clinic/out group --bids-filter-file /clinic/doe/filter.json"
    args = _parser().parse_args(line.split())
    assert "clinic" not in command_of(args, recipe_of(args)) and "filter.json" in command_of(args, recipe_of(args))


ELSEWHERE = {"help", "version", "overwrite", "resume", "quiet", "tensorboard"}  # change nothing that is learned
ELSEWHERE |= {"verbose", "log", "config"}  # the values of a file stand in the record as those of the command line
ELSEWHERE |= {"start"}  # a folder: the record holds the hash of its weights
RESTORING = {
    "scale",
    "spacing",
    "sigma",
    "noise",
    "dry_run",
    "steps",
    "method",
    "profile",
    "thickness",
    "volume",
    "form",
    "std",
}
RESTORING |= {
    "shard",
    "adapt",
    "keep_lesions",
    "prior",
    "work_dir",
    "skip_bids_validation",
}  # of bids participant, or accepted and not needed
SAMPLES = {
    "grid": "4,12,14",
    "contrast": "T2w",
    "device": "cuda:7",
    "bids_filter_file": "filter.json",
    "denoising": "0.5",
    "side": "128",
}


def options_of(command: str) -> Iterator[argparse.Action]:
    """Every option of a command that may change what is learned, from the parser itself."""
    (commands,) = (part for part in _parser()._actions if isinstance(part, argparse._SubParsersAction))
    left_out = ELSEWHERE | (RESTORING if command == "bids" else set())
    yield from (a for a in commands.choices[command]._actions if a.option_strings and a.dest not in left_out)


def every_option() -> Iterator[tuple[str, str, str, str]]:
    starts = {"pretrain": "pretrain A B", "bids": "bids A B group", "pretrain-general": "pretrain-general A B"}
    for command, start in starts.items():
        for action in options_of(command):
            others = [choice for choice in action.choices or () if choice != action.default]
            value = SAMPLES.get(action.dest) or (others[-1] if others else "7")
            yield start, action.option_strings[0], value, action.dest


@pytest.mark.parametrize(("start", "option", "value", "dest"), every_option())
def test_every_option_that_changes_the_result_stands_in_the_record(
    start: str, option: str, value: str, dest: str
) -> None:
    args = _parser().parse_args([*start.split(), option, value])
    if start.startswith("pretrain-general"):
        recorded = general_command_of(args, _recipes(args, goes_on=True))
    else:
        recorded = command_of(args, recipe_of(args))
    again = _parser().parse_args(shlex.split(recorded)[1:])
    assert value in shlex.split(recorded) and vars(again)[dest] == vars(args)[dest]
