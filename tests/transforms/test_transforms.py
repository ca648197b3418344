# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What all transforms have in common: the conventions of MONAI, seeds, and refusals."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.transforms as monai_transforms
import numpy as np
import pytest
import torch
from monai.bundle.config_item import ComponentLocator
from monai.data import CacheDataset, MetaTensor, PersistentDataset, set_track_meta
from monai.transforms import Compose, InvertibleTransform, MapTransform, Randomizable, Transform

from monai_strainer import transforms
from monai_strainer.errors import InputError
from monai_strainer.io import write
from monai_strainer.transforms import (
    AddHeadCoordinates,
    AddHeadCoordinatesd,
    AddRicianNoise,
    AddRicianNoised,
    DegradeResolution,
    DegradeResolutiond,
    LoadScand,
    NormaliseForeground,
    NormaliseForegroundd,
    RandDegradeResolution,
    RandDegradeResolutiond,
    RandRicianNoiseSim,
    RandRicianNoiseSimd,
)
from monai_strainer.volume import Volume

Make = Callable[..., Any]

ARRAY: dict[str, Make] = {
    "degrade_box": lambda: DegradeResolution(2),
    "degrade_kspace": lambda: DegradeResolution(1.7, "kspace"),
    "rician": lambda: AddRicianNoise(0.05),
    "rand_degrade": lambda: RandDegradeResolution((1.5, 3), prob=0.7),
    "rand_rician": lambda: RandRicianNoiseSim((0.01, 0.1), prob=0.7),
    "coordinates": lambda: AddHeadCoordinates(),
    "normalise": lambda: NormaliseForeground(),
}
DICTIONARY: dict[str, Make] = {
    "degrade_box": lambda keys, **k: DegradeResolutiond(keys, 2, **k),
    "degrade_kspace": lambda keys, **k: DegradeResolutiond(keys, 1.7, "kspace", **k),
    "rician": lambda keys, **k: AddRicianNoised(keys, 0.05, **k),
    "rand_degrade": lambda keys, **k: RandDegradeResolutiond(keys, (1.5, 3), prob=0.7, **k),
    "rand_rician": lambda keys, **k: RandRicianNoiseSimd(keys, (0.01, 0.1), prob=0.7, **k),
    "coordinates": lambda keys, **k: AddHeadCoordinatesd(keys, **k),
    "normalise": lambda keys, **k: NormaliseForegroundd(keys, **k),
}
each_array = pytest.mark.parametrize("make", ARRAY.values(), ids=ARRAY)
each_dictionary = pytest.mark.parametrize("make", DICTIONARY.values(), ids=DICTIONARY)
CLASSES = [c for n, c in vars(transforms).items() if inspect.isclass(c) and n in transforms.__all__]


def same(a: Any, b: Any) -> bool:
    """Equal numbers and equal places."""
    return torch.equal(torch.as_tensor(a), torch.as_tensor(b)) and bool(torch.equal(a.affine, b.affine))


# MONAI's conventions


@pytest.mark.parametrize("cls", [c for c in CLASSES if issubclass(c, MapTransform)], ids=lambda c: c.__name__)
def test_every_dictionary_form_has_its_aliases(cls: type) -> None:
    name = cls.__name__.removesuffix("d")
    assert issubclass(getattr(transforms, name), Transform)
    for suffix in ("d", "D", "Dict"):
        assert getattr(transforms, name + suffix) is cls
        assert name + suffix in transforms.__all__


@pytest.mark.parametrize("name", sorted(transforms.__all__))
def test_no_name_is_monais_own_and_short_names_lead_here(name: str) -> None:
    assert not hasattr(monai_transforms, name)
    found = ComponentLocator().get_component_module_name(name)
    assert isinstance(found, str) and found.startswith("monai_strainer.transforms.")


@each_array
def test_meta_tensor_in_and_out(make: Make, image: MetaTensor) -> None:
    out = make()(image)
    assert isinstance(out, MetaTensor) and out.dtype == torch.float32
    assert out.meta["filename_or_obj"] == "head.nii.gz"


@each_array
def test_arrays_and_tensors_of_any_type_are_welcome(make: Make, image: MetaTensor) -> None:
    whole = image.as_tensor().round().to(torch.int16)
    for form in (whole.numpy(), whole, whole.double()):
        out = make()(form)
        assert isinstance(out, MetaTensor) and out.dtype == torch.float32


@each_array
def test_without_tracking_plain_tensors_come_out(make: Make, image: MetaTensor) -> None:
    set_track_meta(False)
    try:
        out = make()(image)
    finally:
        set_track_meta(True)
    assert type(out) is torch.Tensor


@each_array
def test_the_image_itself_is_left_alone(make: Make, image: MetaTensor) -> None:
    image.meta["pixdim"] = np.array([1.0, 2, 2, 3, 0, 0, 0, 0])
    before, meta = image.clone(), pickle.dumps(image.meta)
    make()(image)
    assert same(image, before) and pickle.dumps(image.meta) == meta and image.applied_operations == []


@each_dictionary
def test_the_input_dictionary_is_left_alone(make: Make, image: MetaTensor) -> None:
    data, before = {"image": image, "other": 1}, image.clone()
    out = make("image")(data)
    assert set(data) == {"image", "other"} and data["image"] is image and same(image, before)
    assert out is not data and out["other"] == 1


@each_dictionary
def test_missing_keys_are_allowed_only_when_asked(make: Make, image: MetaTensor) -> None:
    assert "image" in make(["image", "absent"], allow_missing_keys=True)({"image": image})
    with pytest.raises(KeyError, match="absent"):
        make(["image", "absent"])({"image": image})


@pytest.mark.parametrize("name", ARRAY)
def test_array_and_dictionary_forms_agree(name: str, image: MetaTensor) -> None:
    one, many = ARRAY[name](), DICTIONARY[name]("image")
    if isinstance(one, Randomizable):
        one.set_random_state(seed=3), many.set_random_state(seed=3)
    out = many({"image": image})
    assert same(one(image), out["image_coords" if name == "coordinates" else "image"])


@pytest.mark.parametrize("name", ["rand_degrade", "rand_rician"])
def test_the_seed_settles_every_draw(name: str, image: MetaTensor) -> None:
    def draws(seed: int) -> list[dict[str, MetaTensor]]:
        transform = DICTIONARY[name](["image", "copy"]).set_random_state(seed=seed)
        torch.rand(seed)  # the state of torch does not count
        return [transform({"image": image, "copy": image}) for _ in range(6)]

    first, again, other = draws(1), draws(1), draws(2)
    assert all(same(a[k], b[k]) for a, b in zip(first, again) for k in a)
    assert any(a["image"].shape != b["image"].shape or not same(a["image"], b["image"]) for a, b in zip(first, other))


@pytest.mark.parametrize("name", ["rand_degrade", "rand_rician"])
def test_probability_none_and_always(name: str, image: MetaTensor) -> None:
    for prob in (0.0, 1.0):
        transform = (
            RandDegradeResolution((2, 3), prob) if name == "rand_degrade" else RandRicianNoiseSim((0.1, 0.2), prob)
        )
        for _ in range(5):
            out = transform(image)
            assert (out.shape == image.shape and same(out, image)) == (prob == 0)


def test_keys_share_the_factor_but_not_the_noise(image: MetaTensor) -> None:
    data = {"a": image, "b": image}
    for _ in range(5):
        low = RandDegradeResolutiond(["a", "b"], (1, 4), prob=0.5)(data)
        assert same(low["a"], low["b"])
    for transform in (RandRicianNoiseSimd(["a", "b"], (0.1, 0.1), prob=1.0), AddRicianNoised(["a", "b"], 0.1)):
        noisy = transform(data)
        error = [torch.as_tensor(noisy[k] - image).flatten().numpy() for k in data]
        inside = image.flatten().numpy() > 400
        assert abs(np.corrcoef(error[0][inside], error[1][inside])[0, 1]) < 0.05


@each_dictionary
def test_pickled_ones_work_alike(make: Make, image: MetaTensor) -> None:
    transform = make("image")
    if isinstance(transform, Randomizable):
        transform.set_random_state(seed=5)
    twin = pickle.loads(pickle.dumps(transform))
    a, b = transform({"image": image}), twin({"image": image})
    assert all(same(a[k], b[k]) for k in a)


@pytest.mark.filterwarnings("error:Corrupt cache file")
@each_dictionary
def test_cached_and_persistent_data_sets_give_the_same(make: Make, phantom: Volume, tmp_path: Path) -> None:
    write(phantom, tmp_path / "head.nii.gz")
    data = [{"image": str(tmp_path / "head.nii.gz")}]

    def steps() -> Compose:
        return Compose([LoadScand("image"), make("image")]).set_random_state(seed=2)

    plain = steps()(data[0])
    cached = CacheDataset(data, steps(), progress=False)[0]
    cache = tmp_path / "cache"
    PersistentDataset(data, steps(), cache, track_meta=True)[0]  # fills the cache
    persistent = PersistentDataset(data, steps(), cache, track_meta=True)[0]
    for got in (cached, persistent):
        assert set(got) == set(plain)
        assert all(isinstance(got[k], MetaTensor) and same(got[k], plain[k]) for k in plain)


# resolution


def test_a_two_dimensional_image_and_a_small_affine_are_welcome() -> None:
    small = MetaTensor(torch.ones(1, 8, 6), affine=torch.tensor([[2.0, 0, 5], [0, 3, 7], [0, 0, 1]]))
    low = DegradeResolution(2)(small)
    assert low.shape == (1, 4, 3)
    np.testing.assert_allclose(low.affine, [[4, 0, 6], [0, 6, 8.5], [0, 0, 1]])
    for name, make in ARRAY.items():
        if name != "coordinates":
            out = make()(torch.eye(12)[None])
            assert out.ndim == 3 and len(out) == 1


# noise


# coordinates


# intensity


def test_what_cannot_be_undone_does_not_claim_to_be() -> None:
    undoable = {c.__name__ for c in CLASSES if issubclass(c, InvertibleTransform)}
    assert undoable == {"NormaliseForeground", "NormaliseForegroundd"}


# bad input


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (lambda: DegradeResolution(0.5), "factor 0.5 is below 1"),
        (lambda: DegradeResolution((2, float("nan"))), "factor nan is not finite"),
        (lambda: DegradeResolution("two"), "factor 'two' is no number"),  # type: ignore[arg-type]
        (lambda: DegradeResolution(()), "there is no factor"),
        (lambda: DegradeResolution(2, spatial_axes=(0, 3)), "axis 3 is above 2"),
        (lambda: DegradeResolution(2, spatial_axes="xy"), "axis 'xy' is no whole number"),  # type: ignore[arg-type]
        (lambda: DegradeResolution(2, "sinc"), "there is no profile called 'sinc'"),  # type: ignore[arg-type]
        (lambda: RandDegradeResolution((0.5, 2)), "factors 0.5 is below 1"),
        (lambda: RandDegradeResolution((3, 2)), "factors from 3 to 2"),
        (lambda: RandRicianNoiseSim((-0.1, 0.1)), "noise levels -0.1 is below 0"),
        (lambda: RandRicianNoiseSim((1, 5)), "noise levels 5 is above 1"),
        (lambda: RandRicianNoiseSim(0.1), "noise levels 0.1 are no range"),  # type: ignore[arg-type]
        (lambda: RandRicianNoiseSim("ab"), "noise levels 'ab' are no range"),  # type: ignore[arg-type]
        (lambda: AddRicianNoise(-1), "noise level -1 is below 0"),
        (lambda: AddRicianNoise(5), "noise level 5 is above 1"),
        (lambda: AddRicianNoise("5 %"), "noise level '5 %' is no number"),  # type: ignore[arg-type]
        (lambda: AddRicianNoise(0.1, seed="a"), "seed 'a' is no whole number"),  # type: ignore[arg-type]
        (lambda: NormaliseForeground(0), "percentile 0 is not above 0"),
        (lambda: NormaliseForeground(101), "percentile 101 is above 100"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make: Make, finding: str) -> None:
    with pytest.raises(InputError, match=finding):
        make()


@pytest.mark.parametrize("make", [ARRAY[k] for k in ARRAY if not k.startswith("rand")])
def test_a_batch_is_refused(make: Make, image: MetaTensor) -> None:
    with pytest.raises(InputError, match="an image of shape"):
        make()(image.as_tensor()[None])


@pytest.mark.parametrize("name", ["rician", "coordinates", "normalise"])
def test_an_image_without_a_head_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no foreground"):
        ARRAY[name]()(torch.zeros(1, 9, 9, 9))


@pytest.mark.parametrize("name", ["rician", "coordinates", "normalise", "degrade_box"])
def test_values_that_are_not_finite_are_refused(name: str, image: MetaTensor) -> None:
    image[0, 3, 3, 3] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        ARRAY[name]()(image)
