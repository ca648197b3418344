# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The inferer gives the same result wherever MONAI calls it from, and leaves the network as it was."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from phantoms import small_prior_with_detail
from torch import Tensor, nn

from monai_strainer import Grid, InputError, Prior, Siren
from monai_strainer.inferers import FeatureInferer, StrainerInferer, as_siren
from monai_strainer.networks import sizes_of


def small() -> Siren:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Siren(3, hidden_channels=16).eval()


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) + 0.5


@pytest.fixture
def expected() -> Tensor:
    return StrainerInferer(scale=2, steps=3)(inputs=images(2, 1, 16, 18, 3), network=small()).as_tensor()


def test_a_batch_of_volumes_is_refined_in_plane(expected: Tensor) -> None:
    assert expected.shape == (2, 1, 32, 36, 3) and expected.dtype == torch.float32


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_the_result_does_not_depend_on_where_it_is_called_from(mode: type, expected: Tensor) -> None:
    with mode():
        out = StrainerInferer(scale=2, steps=3)(inputs=images(2, 1, 16, 18, 3), network=small())
    torch.testing.assert_close(out.as_tensor(), expected, atol=1e-5, rtol=0)


def test_a_network_from_torchscript_gives_the_same(expected: Tensor, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(small()), tmp_path / "m.ts")
    with torch.no_grad():
        out = StrainerInferer(scale=2, steps=3)(
            inputs=images(2, 1, 16, 18, 3), network=torch.jit.load(tmp_path / "m.ts")
        )
    torch.testing.assert_close(out.as_tensor(), expected, atol=1e-5, rtol=0)


def test_a_wrapped_network_gives_the_same(expected: Tensor) -> None:
    wrapped = nn.DataParallel(small())
    out = StrainerInferer(scale=2, steps=3)(images(2, 1, 16, 18, 3), wrapped)
    torch.testing.assert_close(out.as_tensor(), expected, atol=1e-5, rtol=0)


def test_a_compiled_network_gives_the_same(expected: Tensor) -> None:
    out = StrainerInferer(scale=2, steps=3)(images(2, 1, 16, 18, 3), torch.compile(small()))
    torch.testing.assert_close(out.as_tensor(), expected, atol=1e-5, rtol=0)


def test_whole_numbers_are_restored_like_fractions() -> None:
    whole, inferer = (100 * images(1, 1, 16, 18)).round(), StrainerInferer(scale=2, steps=0)
    assert torch.equal(inferer(whole.short(), small()).as_tensor(), inferer(whole, small()).as_tensor())


def test_the_network_is_never_changed() -> None:
    network = small()
    before = copy.deepcopy(network.state_dict())
    StrainerInferer(scale=1, steps=3)(images(1, 1, 16, 18), network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


def test_one_case_does_not_change_another(expected: Tensor) -> None:
    batch, network = images(2, 1, 16, 18, 3), small()
    inferer = StrainerInferer(scale=2, steps=3)
    for k in (1, 0):
        torch.testing.assert_close(inferer(batch[k : k + 1], network)[0].as_tensor(), expected[k], atol=0, rtol=0)


def test_every_item_keeps_its_own_field_of_view() -> None:
    affines = torch.stack(
        [torch.diag(torch.tensor([2.0, 3, 4, 1])), torch.diag(torch.tensor([-1.0, 1, 5, 1]))]
    ).double()
    batch = MetaTensor(images(2, 1, 16, 18, 3), affine=affines)
    batch.is_batch = True
    out = StrainerInferer(scale=2, steps=0)(batch, small())
    for k in range(2):
        before, after = Grid((16, 18, 3), affines[k].numpy()), Grid(tuple(out.shape[2:]), np.asarray(out.affine[k]))
        np.testing.assert_allclose(after.corners(), before.corners(), atol=1e-4)


def test_a_flat_image_with_a_flat_affine_keeps_its_field_of_view() -> None:
    affine = torch.tensor([[0.0, -2, 5], [3, 0, -7], [0, 0, 1]]).double()
    batch = MetaTensor(images(1, 1, 16, 18), affine=affine)
    out = StrainerInferer(scale=2, steps=0)(batch, small())
    after = np.asarray(out.affine)[np.ix_((0, 1, 3), (0, 1, 3))]
    edges = np.array([[-0.5, -0.5, 1], [15.5, -0.5, 1], [-0.5, 17.5, 1], [15.5, 17.5, 1]])
    finer = np.array([[-0.5, -0.5, 1], [31.5, -0.5, 1], [-0.5, 35.5, 1], [31.5, 35.5, 1]])
    np.testing.assert_allclose(finer @ after.T, edges @ affine.numpy().T, atol=1e-5)


def test_every_item_has_a_report_that_names_its_weights() -> None:
    network, batch = small(), images(2, 1, 16, 18)
    own, other = Prior(network, digest="d1"), Prior(Siren(3, hidden_channels=16), digest="d2")
    cases = [(own, False, "d1"), (other, False, ""), (own, True, "")]
    for prior, cold, digest in cases:
        out = StrainerInferer(steps=0, prior=prior, cold=cold)(batch, network)
        reports = [json.loads(text) for text in out.meta["strainer_report"]]
        assert [report["prior_sha256"] for report in reports] == [digest] * 2
        assert [report["prior"] for report in reports] == ["cold" if cold else "cohort"] * 2


def test_the_detail_prior_is_used_only_beside_the_network_it_knows() -> None:
    prior = small_prior_with_detail(tail=0.01)
    inferer, batch = StrainerInferer(scale=2, steps=0, prior=prior, sigma=0.02), images(1, 1, 16, 18)
    for network, method in ((prior.network, "amortised"), (small(), "coordinates")):
        out = inferer(batch, network)
        assert json.loads(out.meta["strainer_report"][0])["method"] == method
    out = StrainerInferer(scale=2, steps=0, prior=prior, cold=True)(batch, prior.network)
    assert json.loads(out.meta["strainer_report"][0])["method"] == "coordinates"


def test_two_dimensions_stay_two() -> None:
    assert StrainerInferer(scale=1.5, steps=0)(images(1, 1, 16, 18), small()).shape == (1, 1, 24, 27)


def test_the_second_channel_is_the_standard_deviation() -> None:
    out = StrainerInferer(scale=2, steps=0, with_std=True)(images(1, 1, 16, 18), small())
    assert out.shape == (1, 2, 32, 36) and bool((out[:, 1] >= 0).all())


def test_cold_draws_a_network_of_the_same_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, fresh = [], Prior.cold
    monkeypatch.setattr(Prior, "cold", lambda seed, **sizes: drawn.append((seed, sizes)) or fresh(seed, **sizes))
    StrainerInferer(scale=1, steps=0, cold=True, seed=5)(images(1, 1, 16, 18), small())
    assert drawn == [(5, sizes_of(small()))]


def test_a_batch_of_other_axes_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(B, 1, H, W\)"):
        StrainerInferer()(images(16, 18), small())


def test_a_complex_batch_and_an_empty_one_are_refused() -> None:
    for batch, words in ((torch.ones(1, 1, 8, 8, dtype=torch.complex64), "complex"), (torch.ones(0, 1, 8, 8), "shape")):
        with pytest.raises(InputError, match=words):
            StrainerInferer(prior=small_prior_with_detail())(batch, nn.Identity())


@pytest.mark.parametrize("batch", [None, [1.0], np.zeros((1, 1, 4, 4, 4), np.float32)])
def test_what_is_no_tensor_is_refused(batch: Any) -> None:
    with pytest.raises(InputError, match="the batch is a"):
        StrainerInferer(steps=0)(inputs=batch, network=small())


@pytest.mark.parametrize(
    ("meta", "finding"),
    [
        ({"slice_axis": 7}, "slice axis 7"),
        ({"slice_axis": 1.5}, "slice axis 1.5"),
        ({"slice_axis": "z"}, "slice_axis 'z' of the meta data"),
        ({"slice_axis": [0, 1, 2]}, "3 values of slice_axis for 1 images"),
        ({"slice_thickness": 0.0}, "slice thickness 0"),
        ({"slice_thickness": "thick"}, "slice_thickness 'thick' of the meta data"),
    ],
)
def test_meta_data_that_cannot_be_are_refused(meta: dict[str, Any], finding: str) -> None:
    with pytest.raises(InputError, match=finding):
        StrainerInferer(steps=0)(inputs=MetaTensor(torch.rand(1, 1, 8, 8, 4), meta=meta), network=small())


@pytest.mark.parametrize(
    ("given", "finding"), [({"prior": "bundles/x"}, "a prior of type str"), ({"options": [1]}, "options of type list")]
)
def test_a_prior_or_options_of_another_type_are_refused(given: dict[str, Any], finding: str) -> None:
    with pytest.raises(InputError, match=finding):
        StrainerInferer(**given)


def test_several_channels_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(B, 1, H, W\)"):
        StrainerInferer()(images(1, 3, 16, 18), small())


def test_a_network_that_is_no_siren_is_refused() -> None:
    with pytest.raises(InputError, match="no Siren"):
        StrainerInferer()(images(1, 1, 16, 18), nn.Conv2d(1, 1, 1))


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="not positive"):
        StrainerInferer(scale=0)(images(1, 1, 16, 18), small())


def test_a_scale_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="a scale of 'two' is no number"):
        StrainerInferer(scale="two")(images(1, 1, 16, 18), small())  # type: ignore[arg-type]


def test_an_image_of_one_pixel_is_refused() -> None:
    with pytest.raises(InputError):
        StrainerInferer(scale=1)(images(1, 1, 1, 1), small())


def test_features_are_the_networks_own() -> None:
    coords, network = torch.rand(2, 3, 5, 1), small()
    torch.testing.assert_close(FeatureInferer(half=False)(coords, network), network(coords, features=True))


def test_the_copy_is_equal_and_apart() -> None:
    network = small()
    twin = as_siren(network)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in twin.state_dict().items())
    assert twin.readout.weight.data_ptr() != network.readout.weight.data_ptr()


@pytest.mark.parametrize("wrong", [{"thicknes": 3}, {"sigmma": 1.0}, {"method": "magic"}, {"optimiser": "nonsense"}])
def test_an_option_that_does_not_exist_is_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="there is no"):
        StrainerInferer(**wrong)
