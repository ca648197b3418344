# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Transforms: MONAI's conventions, fields of view that stay, noise of the level asked for, units that come back."""

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
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.bundle.config_item import ComponentLocator
from monai.data import CacheDataset, DataLoader, MetaTensor, PersistentDataset, decollate_batch, set_track_meta
from monai.transforms import Compose, Invertd, InvertibleTransform, MapTransform, Randomizable, Transform

from monai_strainer import transforms
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
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
from monai_strainer.transforms.coordinates import grid_of
from monai_strainer.volume import Volume

few = settings(deadline=None, max_examples=20)
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


@pytest.fixture
def image(phantom: Volume) -> MetaTensor:
    """The phantom as MONAI sees it."""
    meta = {"filename_or_obj": "head.nii.gz", "slice_axis": 2}
    return MetaTensor(torch.tensor(phantom.data)[None], affine=torch.tensor(phantom.grid.affine), meta=meta)


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


@few
@given(
    factor=st.floats(1, 5),
    profile=st.sampled_from(["box", "kspace"]),
    axes=st.sampled_from([None, [0], [1, 2], [2, 0], [0, 1, 2], []]),
    seed=st.integers(0, 99),
)
def test_lower_resolution_keeps_the_edges_of_the_field_of_view(
    factor: float, profile: Any, axes: list[int] | None, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3] = np.linalg.qr(draw.normal(size=(3, 3)))[0] @ np.diag(draw.uniform(0.5, 4, 3)) @ np.eye(3, 4)
    affine[:3, 3] = draw.normal(size=3) * 50
    image = MetaTensor(torch.from_numpy(draw.random((2, *draw.integers(1, 14, 3)))), affine=torch.tensor(affine))
    low = DegradeResolution(factor, profile, axes)(image)
    np.testing.assert_allclose(grid_of(low).corners(), grid_of(image).corners(), atol=1e-9)
    for k in range(3):
        if axes is not None and k not in axes:
            assert low.shape[k + 1] == image.shape[k + 1]


@pytest.mark.parametrize("profile", ["box", "kspace"])
def test_a_flat_image_stays_flat_and_the_mean_stays(profile: Any, image: MetaTensor) -> None:
    torch.testing.assert_close(
        DegradeResolution(2.3, profile)(torch.full((1, 20, 18, 5), 7.0)).as_tensor(), torch.full((1, 9, 8, 5), 7.0)
    )
    low = DegradeResolution(2, profile)(image)  # 40 x 48 halves exactly
    assert float(low.mean()) == pytest.approx(float(image.mean()), rel=1e-4)


def test_in_plane_is_across_the_slice_axis_of_the_reader_or_the_widest_step(image: MetaTensor) -> None:
    assert DegradeResolution(2)(image).shape == (1, 20, 24, 32)
    image.meta["slice_axis"] = 0
    assert DegradeResolution(2)(image).shape == (1, 40, 24, 16)
    del image.meta["slice_axis"]
    assert DegradeResolution(2)(image).shape == (1, 20, 24, 32)  # 3 mm across slices of 2 mm
    assert DegradeResolution((2, 4), spatial_axes=(2, 0))(image).shape == (1, 10, 48, 16)


def test_a_two_dimensional_image_and_a_small_affine_are_welcome() -> None:
    small = MetaTensor(torch.ones(1, 8, 6), affine=torch.tensor([[2.0, 0, 5], [0, 3, 7], [0, 0, 1]]))
    low = DegradeResolution(2)(small)
    assert low.shape == (1, 4, 3)
    np.testing.assert_allclose(low.affine, [[4, 0, 6], [0, 6, 8.5], [0, 0, 1]])
    for name, make in ARRAY.items():
        if name != "coordinates":
            out = make()(torch.eye(12)[None])
            assert out.ndim == 3 and len(out) == 1


def test_the_headers_voxel_sizes_follow(image: MetaTensor) -> None:
    for header in (np.array([1.0, 2, 2, 3, 0, 0, 0, 0]), torch.tensor([1.0, 2, 2, 3, 0, 0, 0, 0])):
        image.meta["pixdim"] = header
        assert list(DegradeResolution(2)(image).meta["pixdim"][:4]) == pytest.approx([1, 4, 4, 3])


# noise


def test_the_noise_has_the_level_asked_for_relative_to_the_bright_end() -> None:
    head = torch.zeros(2, 40, 40, 20)
    head[:, 8:32, 8:32, 4:16] = torch.tensor([400.0, 3.0]).reshape(2, 1, 1, 1)
    noisy = AddRicianNoise(0.05)(head).as_tensor()
    for channel, level in zip(noisy, (400, 3)):
        assert float(channel[10:30, 10:30, 6:14].std()) == pytest.approx(0.05 * level, rel=0.05)
        air = channel[:6]  # Rayleigh: its mean is sigma sqrt(pi / 2)
        assert float(air.mean()) == pytest.approx(0.05 * level * np.sqrt(np.pi / 2), rel=0.05)


def test_fixed_noise_depends_on_the_image_and_the_seed_alone(image: MetaTensor) -> None:
    one = AddRicianNoise(0.05)(image)
    assert same(one, AddRicianNoise(0.05)(image))
    assert not torch.equal(one, AddRicianNoise(0.05, seed=1)(image))
    brighter = AddRicianNoise(0.05)(image * 1.5).as_tensor() / 1.5
    inside = image.as_tensor() > 400
    pair = torch.stack([(one.as_tensor() - image.as_tensor())[inside], (brighter - image.as_tensor())[inside]])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.05


def test_random_noise_is_new_at_every_call(image: MetaTensor) -> None:
    noise = RandRicianNoiseSim((0.05, 0.05), prob=1.0)
    assert not torch.equal(noise(image), noise(image))


# coordinates


def test_coordinates_are_those_of_the_pose(image: MetaTensor, phantom: Volume) -> None:
    coords = AddHeadCoordinates()(image)
    pose = find_pose(foreground(phantom.data), phantom.grid)
    for axis in range(3):
        by_slice = np.moveaxis(coords.numpy(), axis + 1, 0)  # (S, 3, H, W)
        np.testing.assert_array_equal(by_slice, pose.coordinates(phantom.grid.shape, axis))
    torch.testing.assert_close(coords.affine, image.affine)


def test_coordinates_do_not_depend_on_the_order_of_the_axes(image: MetaTensor) -> None:
    turned = monai_transforms.Orientation("PSL", labels=None)(image)
    back = monai_transforms.Orientation("RAS", labels=None)
    straight = AddHeadCoordinates()(back(image)).as_tensor()
    torch.testing.assert_close(back(AddHeadCoordinates()(turned)).as_tensor(), straight, atol=1e-5, rtol=0)


def test_coordinates_carry_no_operation_of_the_image(image: MetaTensor) -> None:
    assert AddHeadCoordinates()(NormaliseForeground()(image)).applied_operations == []


# intensity


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


def test_what_cannot_be_undone_does_not_claim_to_be() -> None:
    undoable = {c.__name__ for c in CLASSES if issubclass(c, InvertibleTransform)}
    assert undoable == {"NormaliseForeground", "NormaliseForegroundd"}


# bad input


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (lambda: DegradeResolution(0.5), "a factor of 0.5 does not lower the resolution"),
        (lambda: DegradeResolution((2, float("nan"))), "does not lower the resolution"),
        (lambda: DegradeResolution(2, "sinc"), "there is no profile called 'sinc'"),  # type: ignore[arg-type]
        (lambda: RandDegradeResolution((0.5, 2)), "factors from 0.5 to 2"),
        (lambda: RandDegradeResolution((3, 2)), "factors from 3 to 2"),
        (lambda: RandRicianNoiseSim((-0.1, 0.1)), "noise levels from -0.1 to 0.1"),
        (lambda: AddRicianNoise(-1), "a noise level of -1 is not 0 or more"),
        (lambda: NormaliseForeground(0), "there is no percentile 0"),
        (lambda: NormaliseForeground(101), "there is no percentile 101"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make: Make, finding: str) -> None:
    with pytest.raises(InputError, match=finding):
        make()


@pytest.mark.parametrize(
    ("transform", "finding"),
    [
        (DegradeResolution(2, spatial_axes=(0, 3)), r"axes \[0, 3\] of an image of"),
        (DegradeResolution(2, spatial_axes=(1, 1)), r"axes \[1, 1\] of an image of"),
        (DegradeResolution((2, 2, 2)), r"3 factors for axes \[0, 1\]"),
    ],
)
def test_axes_that_do_not_fit_the_image_are_refused(transform: Transform, finding: str, image: MetaTensor) -> None:
    with pytest.raises(InputError, match=finding):
        transform(image)


@pytest.mark.parametrize("make", [ARRAY[k] for k in ARRAY if not k.startswith("rand")])
def test_a_batch_is_refused(make: Make, image: MetaTensor) -> None:
    with pytest.raises(InputError, match="an image of shape"):
        make()(image.as_tensor()[None])


@pytest.mark.parametrize("name", ["rician", "coordinates", "normalise"])
def test_an_image_without_a_head_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no foreground"):
        ARRAY[name]()(torch.zeros(1, 9, 9, 9))


@pytest.mark.parametrize("name", ["rician", "coordinates", "normalise"])
def test_values_that_are_not_finite_are_refused(name: str, image: MetaTensor) -> None:
    image[0, 3, 3, 3] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        ARRAY[name]()(image)


def test_a_singular_affine_is_refused() -> None:
    with pytest.raises(InputError, match="singular"):
        DegradeResolution(2)(MetaTensor(torch.ones(1, 4, 4, 4), affine=torch.diag(torch.tensor([1.0, 0, 1, 1]))))


def test_an_inverse_over_other_channels_is_refused(image: MetaTensor) -> None:
    normalise = NormaliseForeground()
    two = normalise(torch.cat([image, image]))
    with pytest.raises(InputError, match="2 scales for 1 channels"):
        normalise.inverse(two[:1])
