# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the one error that a user can correct."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.errors import InputError, Limits

WORDS = st.text("abcdefgh XYZ0123", min_size=1).map(str.strip).filter(bool)


@given(WORDS, WORDS, st.sampled_from(["scan.nii.gz", "a b.dcm"]))
@settings(max_examples=25, deadline=None)
def test_the_message_names_the_file_then_the_finding_then_the_remedy(finding: str, remedy: str, name: str) -> None:
    text = str(InputError(finding, remedy, f"/somewhere/{name}"))
    assert text.startswith(f"{name}: {finding}. ") and text.endswith(".")
    assert text[len(f"{name}: {finding}. ") : -1].lower() == remedy.lower()


def test_no_folder_is_ever_shown() -> None:
    assert "Doe" not in str(InputError("it is broken", "repair it", "/clinic/Doe^John/1.dcm"))


def test_without_a_file_the_message_starts_with_the_finding() -> None:
    assert str(InputError("it is broken", "repair it")) == "it is broken. Repair it."


def test_full_stops_are_not_doubled() -> None:
    assert str(InputError("it is broken.", "repair it.")) == "it is broken. Repair it."


def test_the_parts_can_be_read_on_their_own() -> None:
    error = InputError("it is broken", "repair it", "/a/b.nii")
    assert (error.finding, error.remedy, error.file) == ("it is broken", "repair it", "b.nii")


def test_it_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="broken"):
        raise InputError("it is broken", "repair it")


def test_it_travels_between_processes() -> None:
    error = InputError("it is broken", "repair it", "b.nii")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# limits


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e6), st.floats(-1e6, 0))
@settings(max_examples=50, deadline=None)
def test_a_number_is_refused_where_it_leaves_the_limits_and_nowhere_else(
    value: float, most: float, least: float
) -> None:
    limits = Limits(least=least, most=most)
    if least <= value <= most:
        assert limits.checked(value, "value") == value
    else:
        with pytest.raises(InputError, match=r"value .* is (below|above)"):
            limits.checked(value, "value")


@pytest.mark.parametrize("three", [3, np.int64(3), np.float32(3), torch.tensor(3), np.array(3.0)])
def test_a_number_of_any_library_is_a_number(three: Any) -> None:
    found = Limits().checked(three, "value")
    assert found == 3 and type(found) is float


@pytest.mark.parametrize("other", ["3", None, True, [3], 3j, np.ones(1)])
def test_what_is_no_number_is_refused(other: Any) -> None:
    with pytest.raises(InputError, match="is no number"):
        Limits().checked(other, "value")


def test_a_whole_number_has_no_fraction_and_keeps_all_its_digits() -> None:
    assert Limits().checked(2**63 - 1, "seed", whole=True) == 2**63 - 1
    with pytest.raises(InputError, match=r"2\.5 is no whole number"):
        Limits().checked(2.5, "steps", whole=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_without_limits_too(value: float) -> None:
    with pytest.raises(InputError, match="is not finite"):
        Limits().checked(value, "value")


def test_an_array_is_not_printed_in_full() -> None:
    with pytest.raises(InputError) as caught:
        Limits().checked(list(range(10_000)), "value")
    assert len(str(caught.value)) < 100
