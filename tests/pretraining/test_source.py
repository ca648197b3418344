# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The digest of sources follows their names, their voxels and their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monai_strainer.pretraining.source import Source, digest_of

ONE = Source(np.zeros((2, 3, 4), np.float16), (1.0, 1.0, 2.0), (2,), "scan", "a")


def test_the_digest_is_that_of_names_and_voxels() -> None:
    other = replace(ONE, data=ONE.data + np.float16(1))
    renamed = replace(ONE, name="b")
    digests = [digest_of(some) for some in ([ONE], [other], [renamed], [ONE, other], [other, ONE])]
    assert len(set(digests)) == 5 and digest_of([replace(ONE)]) == digests[0]
