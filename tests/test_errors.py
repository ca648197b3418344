# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the one error that a user can correct."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.errors import InputError

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
