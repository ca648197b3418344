# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the detail network of a prior at one hospital, round by round, as a client of NVIDIA FLARE.

FLARE starts this script at every site; ``simulate.py`` beside it does so on one machine. The scans never leave the
site; what is sent are the weights of the network, none of which belongs to one scan.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nvflare.client as flare
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems
from monai.fl.utils.exchange_object import ExchangeObject


def main() -> None:
    """Receive weights, train a round on the own scans, send weights, until the server has had enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True, help="folder with mri_strainer/ and cohort/")
    parser.add_argument("--options", type=Path, help='JSON file with options of the training, such as {"groups": 8}')
    args = parser.parse_args()
    flare.init()
    bundle = args.site.resolve() / "mri_strainer"
    options = {"dataset_dir": str(args.site.resolve() / "cohort"), "bundle_root": str(bundle)}
    if args.options:
        options.update(json.loads(args.options.read_text()))
    algo = MonaiAlgo(
        bundle_root=str(bundle),
        config_train_filename=["configs/train_detail.json", "configs/federated_detail.json"],
        config_evaluate_filename=None,
        local_epochs=1,
        send_weight_diff=False,
        train_kwargs=options,
    )
    algo.initialize(extra={ExtraItems.CLIENT_NAME: flare.get_site_name()})
    while flare.is_running():
        received = flare.receive()
        if received is None:
            break
        algo.train(data=ExchangeObject(weights=received.params), extra={})
        sent = algo.get_weights(extra={}).weights
        flare.send(flare.FLModel(params=sent, params_type="FULL"))
    algo.finalize()


if __name__ == "__main__":
    main()
