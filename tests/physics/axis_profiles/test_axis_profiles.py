# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of all profiles that have a file: constants stay, nothing moves, and every one is an option."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.errors import InputError
from monai_strainer.physics.axis_profiles import matrix_of, profile_names
from monai_strainer.restoring.options import PROFILES

lengths = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda p: (max(p), min(p)))


def test_the_command_line_offers_every_profile_that_has_a_file() -> None:
    assert ("auto", *profile_names()) == PROFILES


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(profile_names()), lengths, st.floats(0.3, 2))
def test_every_profile_keeps_constants_and_moves_nothing(kind: str, pair: tuple[int, int], ratio: float) -> None:
    matrix = matrix_of(kind, *pair, ratio)
    assert matrix.shape == pair[::-1] and matrix.dtype == torch.float64
    torch.testing.assert_close(matrix.sum(1), torch.ones(pair[1], dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(matrix.flip(0, 1), matrix, atol=1e-9, rtol=0)


def test_a_profile_without_a_file_is_refused() -> None:
    with pytest.raises(InputError, match="no profile called 'round'"):
        matrix_of("round", 8, 4, 1.0)
