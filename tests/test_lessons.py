# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command that a prior records makes the same prior: the command line reads it back to the same options."""

from __future__ import annotations

import shlex

import pytest

from monai_strainer.cli import _parser
from monai_strainer.lessons import command_of, plan_of

FREE = {"input", "output", "run", "bids_filter_file", "overwrite", "resume", "quiet", "tensorboard"}
COMMANDS = [
    "pretrain A B",
    "pretrain A B --grid 4,12,14 --steps 3 --detail-steps 0 --images 5 --plane coronal --seed 7 --device cpu",
    "pretrain A B --recipe paper --contrast T2w --detail-steps 2 --resume --quiet",
    "pretrain A B --kind meta --steps 9",
    "pretrain - B --kind noise --images 3 --grid 4,12,14",
    "pretrain - B --kind noise",
    "bids A B group",
    "bids A B group --pretrain-steps 5 --grid 4,12,14 --detail-steps 0 --participant-label 01 2+x --session-label a",
    "bids A B group --bids-filter-file some/filter.json --contrast FLAIR --images 4 --seed 3 --overwrite",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_recorded_command_is_read_back_to_the_same_options(line: str) -> None:
    args = _parser().parse_args(line.split())
    plan = plan_of(args)
    program, *words = shlex.split(command_of(args, plan))
    again = _parser().parse_args(words)
    assert program == "monai-strainer" and plan_of(again) == plan
    numbers = {"grid", "pretrain_steps", "detail_steps", "images"}  # they are in the plan, which is the same
    kept = vars(args).keys() - FREE - numbers
    assert {name: vars(again)[name] for name in kept} == {name: vars(args)[name] for name in kept}
    assert {name: vars(args)[name] for name in numbers if vars(args)[name] is not None}.items() <= vars(again).items()


def test_the_recorded_command_names_no_folder() -> None:
    line = "bids /clinic/doe /clinic/out group --bids-filter-file /clinic/doe/filter.json"
    args = _parser().parse_args(line.split())
    assert "clinic" not in command_of(args, plan_of(args)) and "filter.json" in command_of(args, plan_of(args))
