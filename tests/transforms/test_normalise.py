# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Normalising removes the unit of a scan, and the inverse gives it back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import CacheDataset, DataLoader, MetaTensor, decollate_batch
from monai.transforms import Invertd

from monai_strainer.errors import InputError
from monai_strainer.transforms import (
    NormaliseForeground,
    NormaliseForegroundd,
)

few = settings(deadline=None, max_examples=20)


@few
@given(percentile=st.floats(50, 100), unit=st.floats(1e-3, 1e4), seed=st.integers(0, 99))
def test_normalising_undoes_the_unit_and_the_inverse_undoes_it(percentile: float, unit: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    head = np.zeros((2, 12, 12, 12), np.float32)
    head[:, 2:10, 2:10, 2:10] = draw.uniform(0.5, 1, (2, 8, 8, 8))
    image = torch.from_numpy(head)
    normalise = NormaliseForeground(percentile)
    relative = normalise(image * unit)
    torch.testing.assert_close(relative.as_tensor(), normalise(image).as_tensor(), rtol=1e-4, atol=1e-5)
    assert (relative[image == 0] == 0).all()
    back = normalise.inverse(relative)
    torch.testing.assert_close(back.as_tensor(), image * unit, rtol=1e-5, atol=0)
    assert back.applied_operations == [] and len(relative.applied_operations) == 1  # the argument is left alone


def test_the_dictionary_form_comes_back_through_a_loader(image: MetaTensor) -> None:
    transform = NormaliseForegroundd(["image", "other"])
    data = [{"image": image * k, "other": image / k} for k in (1, 3)]
    batch = next(iter(DataLoader(CacheDataset(data, transform, progress=False), batch_size=2)))
    for item, original in zip(decollate_batch(batch), data):
        back = transform.inverse(item)
        for key in original:
            torch.testing.assert_close(back[key].as_tensor(), original[key].as_tensor())


def test_a_restored_image_and_its_deviation_return_by_the_scale_of_the_scan(image: MetaTensor) -> None:
    transform = NormaliseForegroundd("image")
    data = transform({"image": image})
    data["pred"] = MetaTensor(torch.cat([data["image"], 0.1 * data["image"]]).as_tensor(), affine=image.affine)
    invert = Invertd("pred", transform, orig_keys="image", nearest_interp=False)
    torch.testing.assert_close(invert(data)["pred"].as_tensor(), torch.cat([image, 0.1 * image]).as_tensor())


def test_an_inverse_over_other_channels_is_refused(image: MetaTensor) -> None:
    normalise = NormaliseForeground()
    two = normalise(torch.cat([image, image]))
    with pytest.raises(InputError, match="2 scales for 1 channels"):
        normalise.inverse(two[:1])
