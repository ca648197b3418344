# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The deepinv adapter: laws of physics, denoiser and reconstructor, by deepinv's own tests where it has them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from phantoms import slice_images, small_detail, small_prior_with_detail
from torch import Tensor

from monai_strainer import Grid, InputError, Prior, Volume, load_prior, restore, write
from monai_strainer.adapters import deepinv as adapter
from monai_strainer.adapters.deepinv import StrainerDenoiser, StrainerPhysics, StrainerReconstructor
from monai_strainer.fitting import amortise
from monai_strainer.physics import (
    Blur,
    Downsample,
    GaussianNoise,
    Identity,
    KSpaceCrop,
    KSpaceLines,
    Mask,
    Measurement,
    Operator,
    RicianNoise,
    SliceProfile,
    random_lines,
)

pytestmark = [pytest.mark.usefixtures("deepinv"), pytest.mark.filterwarnings("ignore")]
HOLES = torch.from_numpy(np.random.default_rng(0).random((24, 20)) > 0.3)
OPERATORS: dict[str, Operator] = {
    "downsample": Downsample((24, 20), (2, 1.5)),
    "kspace": KSpaceCrop((24, 20), 2),
    "blur": Blur((24, 20), 2.0),
    "slices": SliceProfile((24, 20), axis=0, thickness=4, separation=5, kind="gaussian"),
    "lines": KSpaceLines((24, 20), axis=1, kept=random_lines(20, 2, centre=0.2)),
    "mask": Mask(HOLES),
    "composed": Mask(HOLES) @ Blur((24, 20), 2.0),
    "volume": Downsample((6, 24, 20), (2, 1, 2)),
}


@pytest.fixture(params=list(OPERATORS))
def physics(request: pytest.FixtureRequest) -> StrainerPhysics:
    return StrainerPhysics(OPERATORS[request.param], GaussianNoise(0.05))


def drawn(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small() -> StrainerDenoiser:
    return StrainerDenoiser(Prior(small_prior_with_detail().network, detail=small_detail(features=0)))


def test_deepinv_finds_the_adjoint_exact(physics: StrainerPhysics) -> None:
    assert float(physics.adjointness_test(num_samples=4)) < 1e-5


def test_the_data_step_is_that_of_deepinvs_solver(physics: StrainerPhysics, deepinv: ModuleType) -> None:
    z, y = drawn((2, *physics.img_size)), physics.A(drawn((2, *physics.img_size), 1))
    theirs = deepinv.physics.LinearPhysics.prox_l2(physics, z, y, 2.0, max_iter=200, tol=1e-6)
    torch.testing.assert_close(physics.prox_l2(z, y, 2.0), theirs, atol=1e-4, rtol=1e-4)


def test_every_image_may_have_a_weight_of_its_own(physics: StrainerPhysics) -> None:
    z, y = drawn((2, *physics.img_size)), physics.A(drawn((2, *physics.img_size), 1))
    both = physics.prox_l2(z, y, torch.tensor([0.5, 3.0]).view(2, *[1] * (z.ndim - 1)))
    for k, gamma in enumerate((0.5, 3.0)):
        one = physics.prox_l2(z[k : k + 1], y[k : k + 1], gamma)
        torch.testing.assert_close(both[k : k + 1], one, atol=1e-4, rtol=1e-4)


def test_the_pseudo_inverse_explains_the_data(physics: StrainerPhysics) -> None:
    y = physics.A(physics.A_adjoint(drawn((1, *physics.A(torch.zeros(1, *physics.img_size)).shape[1:]))))
    misfit = physics.A(physics.A_dagger(y)) - y
    assert float(misfit.norm()) < 2e-3 * float(y.norm())


def test_the_noise_has_the_level_and_the_kind_of_ours() -> None:
    x = torch.full((1, 1, 200, 200), 0.5)
    for noise in (GaussianNoise(0.1), RicianNoise(0.1)):
        ours = noise.sample(x, torch.Generator().manual_seed(0))
        theirs = StrainerPhysics(Identity((200, 200)), noise)(x)
        assert abs(float(ours.mean() - theirs.mean())) < 0.003
        assert abs(float(ours.std() - theirs.std())) < 0.003
    assert bool((StrainerPhysics(Identity((200, 200)))(x) == x).all())


def test_the_denoiser_is_the_pass_of_the_detail_network_to_the_byte() -> None:
    denoiser, y = small(), slice_images(6, 24, 20)
    ours = amortise(denoiser.detail, Measurement(Identity((24, 20)), y, GaussianNoise(0.1)))
    with torch.no_grad():
        assert torch.equal(denoiser(y[None, None], 0.1)[0, 0], ours.images)


def test_every_image_may_have_a_noise_level_of_its_own() -> None:
    denoiser, x = small(), slice_images(2, 24, 20)[:, None]
    with torch.no_grad():
        both = denoiser(x, torch.tensor([0.05, 0.2]))
        for k, sigma in enumerate((0.05, 0.2)):
            torch.testing.assert_close(both[k : k + 1], denoiser(x[k : k + 1], sigma))
        assert not torch.allclose(both[:1], denoiser(x[:1], 0.2))


def test_images_of_a_batch_do_not_see_each_other_and_slices_of_a_stack_do() -> None:
    denoiser, x = small(), slice_images(3, 24, 20)
    other = x.clone()
    other[2] += 1
    with torch.no_grad():
        torch.testing.assert_close(denoiser(x[:, None], 0.1)[0], denoiser(other[:, None], 0.1)[0])
        assert not torch.allclose(denoiser(x[None, None], 0.1)[0, 0, 0], denoiser(other[None, None], 0.1)[0, 0, 0])


def test_gradients_reach_the_image() -> None:
    denoiser, x = small(), slice_images(1, 24, 20)[None].requires_grad_()
    direction = drawn((1, 1, 24, 20))
    denoiser(x, 0.1).sum().backward()
    with torch.no_grad():
        step = 1e-2 * direction
        slope = float((denoiser(x + step, 0.1) - denoiser(x - step, 0.1)).sum()) / 2e-2
    assert x.grad is not None
    assert abs(slope - float((x.grad * direction).sum())) < 0.05 * abs(slope) + 0.05


@pytest.mark.parametrize("name", ["down", "lines"])
def test_plug_and_play_of_deepinv_beats_the_pseudo_inverse(name: str, deepinv: ModuleType) -> None:
    x = slice_images(1, 96, 80)[None]
    kept = random_lines(80, 2.5, centre=0.2, seed=1)
    operator = Downsample((96, 80), 2) if name == "down" else KSpaceLines((96, 80), axis=1, kept=kept)
    physics = StrainerPhysics(operator, GaussianNoise(0.03))
    torch.manual_seed(0)
    y = physics(x)
    psnr = deepinv.loss.metric.PSNR()
    model = deepinv.optim.DPIR(sigma=0.03, denoiser=StrainerDenoiser(mirrors=False))
    with torch.no_grad():
        gain = float(psnr(model(y, physics), x)) - float(psnr(physics.A_dagger(y), x))
    assert gain > 2


@pytest.mark.parametrize("options", [{}, {"method": "coordinates", "steps": 2}])
def test_the_reconstructor_is_restore_to_the_byte(options: dict[str, object]) -> None:
    operator, prior = Downsample((48, 40), 2), small_prior_with_detail()
    y = operator(slice_images(3, 48, 40))  # (D, h, w)
    physics = StrainerPhysics(operator, GaussianNoise(0.02))
    found = StrainerReconstructor(prior, (2, 2, 3), with_std=True, **options)(y[None, None], physics)
    scan = Volume(np.moveaxis(y.numpy(), 0, -1), Grid((24, 20, 3), np.diag([2, 2, 3, 1.0])), slice_axis=2)
    ours = restore(
        scan, prior, (2, 2, 1), operator=operator, noise="gaussian", sigma=physics.noise_model.sigma.item(), **options
    )
    for channel, image in zip(found[0].numpy(), (ours.volume.data, ours.std)):
        assert np.array_equal(np.moveaxis(channel, 0, -1), image)


def test_a_slice_is_reconstructed_with_the_shipped_prior() -> None:
    x = slice_images(1, 96, 80)[None]
    physics = StrainerPhysics(Downsample((96, 80), 2), GaussianNoise(0.02))
    torch.manual_seed(0)
    y = physics(x)
    with torch.inference_mode():
        found = StrainerReconstructor(load_prior(), adapt=0)(y, physics)
    assert found.shape == x.shape
    assert float((found - x).square().mean()) < 0.7 * float((physics.A_dagger(y) - x).square().mean())


def test_the_example_compares_all_reconstructions(
    phantom: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "deepinv"))
    import compare

    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    write(phantom, tmp_path / "scan.nii.gz")
    compare.main([str(tmp_path / "scan.nii.gz")])
    rows = capsys.readouterr().out.splitlines()[2:]
    levels = [float(row.split("|")[3].split()[0]) for row in rows]
    assert len(levels) == 10
    for k in (0, 5):
        assert min(levels[k + 2], levels[k + 3]) > levels[k]


def refused(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]


def test_what_does_not_fit_is_refused(deepinv: ModuleType) -> None:
    prior, y = small_prior_with_detail(), torch.rand(1, 1, 12, 10)
    reconstructor = StrainerReconstructor(prior)
    down = StrainerPhysics(Downsample((24, 20), 2))
    refused(lambda: reconstructor(y, deepinv.physics.Denoising()), "Denoising has no operator")
    refused(lambda: reconstructor(torch.rand(1, 1, 11, 10), down), "the data have the shape")
    refused(lambda: reconstructor(torch.rand(1, 2, 12, 10), down), "the data have the shape")
    down.noise_model = deepinv.physics.PoissonNoise(0.1)
    refused(lambda: reconstructor(y, down), "PoissonNoise is not known")
    down.noise_model = deepinv.physics.GaussianNoise(torch.tensor([0.1, 0.2]))
    refused(lambda: reconstructor(y, down), "more than one level")
    refused(lambda: StrainerReconstructor(prior, colour="blue"), "there is no option colour")
    refused(lambda: small()(torch.rand(1, 3, 12, 10), 0.1), "the images have the shape")
    refused(lambda: StrainerDenoiser(Prior.cold(hidden_channels=8)), "no detail network")


def test_without_deepinv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "deepinv", None)
    for make in (StrainerDenoiser, StrainerReconstructor, lambda: StrainerPhysics(Identity((4, 4)))):
        refused(make, r"monai_strainer\[deepinv\]")
