# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options of a fusion: values that make no sense are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from monai_strainer.errors import InputError
from monai_strainer.fusing.options import METHODS, FuseOptions


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"spacing": 0.0}, "not above 0"),
        ({"spacing": float("nan")}, "not above 0"),
        ({"method": "magic"}, "there is no method 'magic'"),
        ({"sigma": -1.0}, "not 0 or more"),
        ({"sigma": float("inf")}, "not 0 or more"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        FuseOptions(**given)


def test_every_method_and_no_noise_are_allowed() -> None:
    assert [FuseOptions(method=method, sigma=0.0).method for method in METHODS] == list(METHODS)
