# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a single network: shapes, point by point, SIREN's initialisation, and the ways out of Python."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from monai_strainer.networks import Siren


def network(*args: int, seed: int = 0, **kwargs: object) -> Siren:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Siren(*args, **kwargs).eval()  # type: ignore[arg-type]


def places(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("out_channels", [1, 3])
@pytest.mark.parametrize(
    ("coordinates", "spatial"), [(2, (5, 7)), (3, (5, 7)), (3, (4, 5, 3)), (2, (4, 5, 3)), (2, (9,))]
)
def test_a_coordinate_image_becomes_an_image_of_its_shape(
    coordinates: int, spatial: tuple[int, ...], out_channels: int
) -> None:
    net = network(coordinates, out_channels, 16, 4)
    c = places(2, coordinates, *spatial)
    assert net(c).shape == (2, out_channels, *spatial)
    assert net(c).dtype == torch.float32
    assert net(c, features=True).shape == (2, 16, *spatial)


def test_permuting_the_points_permutes_the_intensities() -> None:
    net, c = network(3, 2, 16, 4), places(1, 3, 40, 1)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(net(c[:, :, order]), net(c)[:, :, order], atol=1e-6, rtol=1e-5)


def test_how_the_points_are_arranged_does_not_matter() -> None:
    net, c = network(3, 1, 16), places(1, 3, 4, 5, 6)
    torch.testing.assert_close(net(c).reshape(1, 1, 4, 30), net(c.reshape(1, 3, 4, 30)))


@pytest.mark.parametrize("out_channels", [1, 3])
def test_the_image_is_linear_in_the_features(out_channels: int) -> None:
    net, c = network(2, out_channels, 16), places(2, 2, 6, 5)
    expected = (
        torch.einsum("oc,bchw->bohw", net.readout.weight, net(c, features=True)) + net.readout.bias[:, None, None]
    )
    torch.testing.assert_close(net(c), expected)


@pytest.mark.parametrize("coordinates", [2, 3])
@pytest.mark.parametrize("omega", [10.0, 30.0])
def test_weights_are_drawn_from_the_intervals_of_siren(coordinates: int, omega: float) -> None:
    width = 128
    net = network(coordinates, 1, width, 5, omega=omega)
    bounds = [1 / coordinates] + [math.sqrt(6 / width) / omega] * 4
    weights = [layer[0].weight.detach() for layer in net.encoder] + [net.readout.weight.detach()]
    for weight, bound in zip(weights, bounds):
        assert 0.9 * bound < float(weight.abs().max()) <= bound
        assert abs(float(weight.mean())) < 5 * bound / math.sqrt(3 * weight.numel())
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_variance_neither_dies_nor_grows_through_depth() -> None:
    net = network(2, 1, 128, 12).requires_grad_(False)
    h, spreads = places(2000, 2), []
    for layer in net.encoder:
        z = net.omega * layer[0](h)
        h = layer(h)
        spreads.append((float(z.std()), float(h.var())))
    for argument, output in spreads[
        1:
    ]:  # Sitzmann et al.: arguments N(0, 1) and sines of variance 1/2; biases widen both
        assert 0.7 < argument < 2.2
        assert 0.35 < output < 0.6


def test_a_fresh_network_has_finite_gradients_in_every_layer() -> None:
    net = network(2, 1, 16, 4)
    net(places(1, 2, 8, 8)).square().sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()


def test_sine_arguments_stay_in_float32_under_autocast() -> None:
    net, c = network(2, 1, 32), places(1, 2, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(c, features=True).dtype == torch.float32


def test_the_readout_carries_a_prior_over_weights_and_bias() -> None:
    covariance = network(2, 1, 16).get_buffer("readout_covariance")
    assert covariance.shape == (17, 17)
    assert bool((torch.linalg.eigvalsh(covariance) > 0).all())


def test_saving_and_loading_gives_the_same_image(tmp_path: Path) -> None:
    net, other = network(2, 1, 16), network(2, 1, 16, seed=5)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    c = places(1, 2, 6, 6)
    assert torch.equal(net(c), other(c))


@pytest.mark.parametrize("spatial", [(6, 7), (3, 4, 5)])
def test_torchscript_gives_the_same_image(spatial: tuple[int, ...], tmp_path: Path) -> None:
    net, c = network(3, 2, 16, 3), places(1, 3, *spatial)
    torch.jit.script(net).save(str(tmp_path / "net.ts"))
    loaded = torch.jit.load(str(tmp_path / "net.ts"))
    torch.testing.assert_close(loaded(c), net(c))
    torch.testing.assert_close(loaded(c, features=True), net(c, features=True))


def exported(net: nn.Module, c: Tensor) -> torch.export.ExportedProgram:
    names = ["height", "width", "depth"][: c.ndim - 2]
    batch = torch.export.Dim("batch", min=1, max=64)
    dims = {0: batch, **{k + 2: torch.export.Dim(name, min=2, max=4096) for k, name in enumerate(names)}}
    return torch.export.export(net, (c,), dynamic_shapes={"coords": dims})


@pytest.mark.parametrize("spatial", [(6, 7), (3, 4, 5)])
def test_an_exported_program_takes_images_of_any_size(spatial: tuple[int, ...], tmp_path: Path) -> None:
    net = network(3, 1, 16, 3)
    torch.export.save(exported(net, places(2, 3, *spatial)), tmp_path / "net.pt2")
    loaded = torch.export.load(tmp_path / "net.pt2").module()
    other = places(3, 3, *(2 * n + 1 for n in spatial))
    torch.testing.assert_close(loaded(other), net(other))


@pytest.mark.external
def test_onnx_gives_the_same_image(tmp_path: Path) -> None:
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        pytest.skip("no onnx: install the extra 'onnx'")
    import onnxruntime

    net, c = network(3, 1, 16, 3), places(2, 3, 6, 7)
    torch.onnx.export(exported(net, c), (), str(tmp_path / "net.onnx"), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    for image in (c, places(1, 3, 9, 4)):
        (out,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        torch.testing.assert_close(torch.from_numpy(out), net(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sizes", [(0, 1, 16, 4), (2, 0, 16, 4), (2, 1, 0, 4), (2, 1, 16, 1)])
def test_a_network_without_substance_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one coordinate"):
        Siren(*sizes)
