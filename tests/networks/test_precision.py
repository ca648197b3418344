# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The setting of products belongs to the process: it is as before after every call, also where calls overlap."""

from __future__ import annotations

import threading

import pytest
import torch

from monai_strainer.networks.precision import autocast_on, has_bfloat16, quick_products

CUDA = torch.device("cuda")
SWITCH = torch.backends.cuda.matmul


@pytest.fixture(params=["none", "ieee", "tf32"], autouse=True)
def before(request: pytest.FixtureRequest) -> object:
    first = SWITCH.fp32_precision
    SWITCH.fp32_precision = request.param
    yield request.param
    SWITCH.fp32_precision = first


def test_it_is_set_inside_and_set_back(before: str) -> None:
    with quick_products(CUDA):
        assert SWITCH.fp32_precision == "tf32"
    assert SWITCH.fp32_precision == before


def test_it_is_set_back_after_an_error(before: str) -> None:
    with pytest.raises(ZeroDivisionError), quick_products(CUDA):
        raise ZeroDivisionError
    assert SWITCH.fp32_precision == before


def test_calls_that_overlap_leave_it_as_it_was(before: str) -> None:
    came, left = threading.Event(), threading.Event()

    def other() -> None:
        with quick_products(CUDA):  # comes second, leaves last
            came.set()
            left.wait(10)

    thread = threading.Thread(target=other)
    with quick_products(CUDA):
        thread.start()
        assert came.wait(10)
    assert SWITCH.fp32_precision == "tf32"  # the other is still inside
    left.set()
    thread.join()
    assert SWITCH.fp32_precision == before


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_other_devices_leave_it_alone(before: str, device: str) -> None:
    with quick_products(torch.device(device)):
        assert SWITCH.fp32_precision == before


def test_a_device_without_autocast_computes_as_it_is() -> None:
    with autocast_on(torch.device("meta"), True):
        assert (torch.ones(2, 2, device="meta") @ torch.ones(2, 2, device="meta")).dtype == torch.float32


def test_whether_a_device_multiplies_bfloat16_is_known() -> None:
    assert has_bfloat16(torch.device("cpu")) in (True, False)
    assert has_bfloat16(torch.device("meta")) is False
