"""How near the INT8 features of a frozen backbone are to its float32 features, and what that costs a probe.

    python benchmarks/int8_features.py BACKBONE [--weights FILE] [--side 32] [--classes 20] [--train 20] [--test 20]

Images: the first CIFAR-100 classes of $CIMLEARN_DATA/cifar100-12k.npz, enlarged (bilinear) to `side` pixels. Probes are
fitted on float32 or INT8 features of the training images and tested on the same kind: the nearest class mean, and
logistic regression. `error` is |INT8 - float32| / |float32| over all test features.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cimlearn.chips.sas_mram.images import fitted
from cimlearn.chips.sas_mram.task import image_exponent
from cimlearn.learning.integer.repnet import frozen
from cimlearn.learning.integer.tensor import from_float
from cimlearn.networks.backbone import Backbone, pooled, prepare
from cimlearn.networks.backbones import build, shipped
from cimlearn.networks.equalise import equalised

TOGETHER = 50
WAYS = (  # equalised, clip, spread
    (False, False, 3),
    (False, True, 3),
    (True, False, 3),
    (True, True, 0),
    (True, True, 3),
    (True, True, 7),
)


def images(count: dict[str, int], classes: int) -> dict[str, tuple[Any, Any]]:
    """Split -> the first images of each of the first classes, and their labels."""
    stored = np.load(Path(os.environ["CIMLEARN_DATA"]) / "cifar100-12k.npz")
    found = {}
    for split, each in count.items():
        y = stored[f"y_{split}"]
        which = np.concatenate([np.flatnonzero(y == c)[:each] for c in range(classes)])
        found[split] = stored[f"x_{split}"][which], y[which]
    return found


def in_float(backbone: Backbone, x: Any) -> Any:
    with torch.no_grad():
        return torch.cat([backbone.features(part) for part in x.split(TOGETHER)])


def in_integers(blocks: list[Any], x: Any, exponent: int) -> Any:
    parts = []
    for part in x.split(TOGETHER):
        q = from_float(part, exponent=exponent)
        for block in blocks:
            q = block.forward(q, keep=False)
        parts.append(pooled(q.value()))
    return torch.cat(parts)


def probes(train: Any, y: Any, test: Any, truth: Any) -> str:
    """Both accuracies in percent; features are standardised on the training images."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = train.mean(0), train.std(0) + 1e-6
    a, b = ((part - mean) / deviation for part in (train, test))
    means = torch.stack([a[torch.from_numpy(y == c)].mean(0) for c in range(y.max() + 1)])
    nearest = float((torch.cdist(b, means).argmin(1).numpy() == truth).mean())
    fitted_one = LogisticRegression(C=0.01, max_iter=500).fit(a.numpy(), y)
    return f"nearest mean {100 * nearest:.1f} %, logistic {100 * fitted_one.score(b.numpy(), truth):.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("backbone")
    parser.add_argument("--weights")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--train", type=int, default=20)
    parser.add_argument("--test", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    plain = build(options.backbone, weights=options.weights) if options.weights else shipped()
    data = images({"train": options.train, "test": options.test}, options.classes)
    (x, y), (xt, yt) = ((fitted(x, options.side, "resize"), y) for x, y in data.values())
    train, test = (in_float(plain, prepare(part, plain)) for part in (x, xt))
    print(f"{options.backbone}, {options.side} pixels: float32 {probes(train, y, test, yt)}", flush=True)
    for equal, clip, spread in WAYS:
        backbone = equalised(plain) if equal else plain
        blocks, exponent = frozen(backbone, spread=spread, clip=clip), image_exponent(backbone)
        began = time.process_time()
        train8, test8 = (in_integers(blocks, prepare(part, backbone), exponent) for part in (x, xt))
        taken = time.process_time() - began
        error = float((test8 - test).norm() / test.norm())
        print(
            f"equalise {equal!s:5} clip {clip!s:5} spread {spread}: error {error:.3f}, "
            f"{probes(train8, y, test8, yt)}, {taken:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
