"""Fill the panel: `python -m benchmarks.panel truth DATA --to truth.jsonl`, then `signals`.

One line a data set is added to the file; what is in it already, for the same weights, is
not done again, so the panel can be stopped at any time and extended later.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import torch

from benchmarks.panel.pools import Pools
from benchmarks.panel.signals import read
from benchmarks.panel.truth import measure
from transfer_core.home import home
from transfer_core.networks import get

FILLS = {"truth": measure, "signals": read}


def main() -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=FILLS, help="train every case, or read every signal")
    parser.add_argument("data", type=Path, help="folder with the real image sets")
    parser.add_argument("--to", type=Path, required=True, help="file of the results")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000], help="images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", help="names of pools")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    source, pools = get("demonstration"), Pools(options.data, home())
    options.to.touch()
    done = {
        (row["weights"], row["pool"], row["images"], row["seed"])
        for row in map(json.loads, options.to.read_text(encoding="utf-8").splitlines())
    }
    for images, name in product(options.sizes, options.only or pools.names()):
        key = source.weights_hash, name, images
        seeds = [seed for seed in range(options.seeds) if (*key, seed) not in done]
        pool = pools.pool(name) if seeds else None
        for seed in seeds:
            began = time.perf_counter()
            found = FILLS[options.what](pool, images, seed, source)
            if found is None:
                print(f"{name}: fewer than {images} images beside the test")
                break
            row = {
                "weights": source.weights_hash, "pool": name, "family": pool.family,
                "images": images, "seed": seed,
            }  # fmt: skip
            with options.to.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row | found) + "\n")
            print(f"{name}, {images} images, seed {seed}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
