"""Train the small backbone that comes with the package, and store it as INT8 numbers.

    CIMLEARN_DATA=<folder> python scripts/train_backbone.py --epochs 24 --seed 0

Data: the 20,000 CIFAR-10 training images of the data folder (cifar10-25k.npz), random flips and shifts of up to
4 pixels. SGD with Nesterov momentum, one cycle of the rate, one thread. The 5,000 test images are looked at once,
after the last epoch. Writes src/cimlearn/weights/resnet8-cifar10.safetensors and .toml.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from cimlearn import random
from cimlearn.networks import weights
from cimlearn.networks.backbone import Backbone, prepare
from cimlearn.networks.backbones import build
from cimlearn.streams.sources.imagesets import ImageSet, load_images

WEIGHTS = Path(__file__).parents[1] / "src" / "cimlearn" / "weights"
BATCH, RATE, MOMENTUM, DECAY, SHIFT = 128, 0.4, 0.9, 5e-4, 4


def shifted(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """x (images, 3, side, side), each flipped by chance and moved by up to SHIFT pixels, zeros beyond the border."""
    side = x.shape[2]
    flip = torch.from_numpy(rng.random(len(x)) < 0.5)
    x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
    x = nn.functional.pad(x, (SHIFT,) * 4)
    rows = torch.from_numpy(rng.integers(0, 2 * SHIFT + 1, (len(x), 1))) + torch.arange(side)
    columns = torch.from_numpy(rng.integers(0, 2 * SHIFT + 1, (len(x), 1))) + torch.arange(side)
    numbers = torch.arange(len(x)).view(-1, 1, 1)
    return x.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def train(backbone: Backbone, images: ImageSet, epochs: int, seed: int) -> None:
    """`epochs` passes over the training images."""
    x, y = prepare(images.x_train, backbone), torch.from_numpy(images.y_train.copy())
    steps = epochs * (len(x) // BATCH)
    backbone.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    matrices = [p for p in backbone.parameters() if p.ndim > 1]
    vectors = [p for p in backbone.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.25, cycle_momentum=False)
    rng = random.generator(seed, "backbone", "order")
    for epoch in range(epochs):
        order, total, began = torch.from_numpy(rng.permutation(len(x))), 0.0, time.process_time()
        for low in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[low : low + BATCH]
            answers = backbone(shifted(x[chosen], rng).contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(answers, y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            total += float(loss.detach())
        print(
            f"{epoch + 1}/{epochs} loss {total * BATCH / len(x):.3f} {time.process_time() - began:.0f} s",
            flush=True,
        )
    backbone.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def accuracy(backbone: Backbone, images: ImageSet) -> float:
    """Share of the test images that the classifier gets right."""
    x, right = prepare(images.x_test, backbone), 0
    with torch.no_grad():
        for low in range(0, len(x), 500):
            answers = backbone(x[low : low + 500]).argmax(1).numpy()
            right += int((answers == images.y_test[low : low + 500]).sum())
    return right / len(x)


def main() -> None:
    """Train (or take --float), fold, pack, measure, write."""
    parser = argparse.ArgumentParser(description="Train the small backbone on CIFAR-10.")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default=None, help="data folder (default: CIMLEARN_DATA)")
    parser.add_argument("--float", type=Path, help="float weights: read if there, else written")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = load_images("cifar10", given.data)
    backbone = build("resnet8", seed=given.seed).requires_grad_()
    if given.float and given.float.exists():
        weights.load_weights(backbone, given.float)
    else:
        train(backbone, images, given.epochs, given.seed)
        if given.float:
            save_file(
                {key: value.detach().contiguous() for key, value in backbone.public_state().items()},
                given.float,
            )
    folded = weights.fold(backbone)
    packed = weights.pack(folded)
    reached = accuracy(backbone, images)
    weights.unpack(folded, packed)
    rounded = accuracy(folded, images)
    file = WEIGHTS / "resnet8-cifar10.safetensors"
    save_file(packed, file)
    assert load_file(file).keys() == packed.keys()
    sums = "\n".join(f'"{name}" = "{digest}"' for name, digest in images.checksums.items())
    (WEIGHTS / "resnet8-cifar10.toml").write_text(
        f"""# How resnet8-cifar10.safetensors was made; written by scripts/train_backbone.py.
network = "resnet8"
data = "CIFAR-10, the 20,000 training images of cifar10-25k.npz; tested on its 5,000 test images"
cite = "Krizhevsky, Learning multiple layers of features from tiny images, 2009"
script = "scripts/train_backbone.py"
epochs = {given.epochs}
seed = {given.seed}
threads = 1
torch = "{torch.__version__}"
accuracy_float = {reached:.4f}  # batch norms as trained
accuracy_int8 = {rounded:.4f}  # folded, weights INT8 with one exponent per tensor, activations float
weights = "int8 mantissas and '<name>.exponent': w = m 2^e; biases int32 in steps of 2^-{weights.BIAS_BITS}"

[sha256]
{sums}
""",
        "utf-8",
    )
    print(f"float {reached:.4f}, INT8 weights {rounded:.4f}, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
