# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Pretrain a detail network at several hospitals under the simulator of NVIDIA FLARE, on one machine.

    python examples/federated/simulate.py SITES OUT --rounds 60

SITES has one folder per hospital, each with a copy of the bundle, ``mri_strainer/``, and scans in ``cohort/``. The
averaged weights are written to ``OUT/detail.pt``. The same job runs at real sites through FLARE's other environments.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from monai.bundle import ConfigParser
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.recipe.sim_env import SimEnv
from nvflare.recipe.utils import set_per_site_config


def main() -> None:
    """Run the rounds, and keep what the last one averaged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sites", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first weights")
    parser.add_argument("--options", type=Path, help="JSON file with options of the training at every site")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    names = sorted(folder.name for folder in args.sites.iterdir() if (folder / "mri_strainer").is_dir())
    config = ConfigParser()
    bundle = args.sites / names[0] / "mri_strainer"
    config.read_config(bundle / "configs" / "train_detail.json")
    config.update({"bundle_root": str(bundle), **(json.loads(args.options.read_text()) if args.options else {})})
    config.get_parsed_content("prior")  # loading it draws random numbers too
    torch.manual_seed(args.seed)
    network = config.get_parsed_content("network_def")
    start = args.out.resolve() / "start.pt"
    torch.save(network.state_dict(), start)
    recipe = FedAvgRecipe(
        name="strainer",
        model=network,
        initial_ckpt=str(start),  # the server makes the network anew from its arguments
        min_clients=len(names),
        num_rounds=args.rounds,
        train_script=str(Path(__file__).with_name("client.py")),
        launch_external_process=True,  # every site is a process of its own
    )
    more = f" --options {args.options.resolve()}" if args.options else ""
    words = {name: {"train_args": f"--site {args.sites.resolve() / name}{more}"} for name in names}
    set_per_site_config(recipe, words)
    result = recipe.execute(SimEnv(clients=names, num_threads=len(names), workspace_root=str(args.out / "flare")))
    saved = next(Path(result.get_result()).rglob("FL_global_model.pt"))
    torch.save(torch.load(saved, weights_only=True)["model"], args.out / "detail.pt")


if __name__ == "__main__":
    main()
