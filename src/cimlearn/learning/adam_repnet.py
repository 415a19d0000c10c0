"""Rep-Net learned in float32, in PyTorch: what the algorithm reaches before it becomes whole numbers.

    loss = mean_n - sum_k t_nk log softmax_k(o_n)      t = (1 - s) one-hot + s / classes      o = head(features)

Two rates, one of the head and one of the modules, both on a cosine from full to 0 over `steps` steps. Adam:
arXiv 1412.6980, betas 0.9 and 0.999; SGD with momentum. One thread, and the order of examples comes from the
seed, so the same calls give the same network.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cimlearn.errors import InputError
from cimlearn.learning.adam_miru import pytorch
from cimlearn.networks.baselines import Tuned
from cimlearn.networks.pytorch import functional, nn, torch
from cimlearn.networks.repnet import RepNet
from cimlearn.random import generator

Float = NDArray[np.float32]
Labels = NDArray[np.int64]
OPTIMISERS = ("adam", "sgd")
AT_ONCE = 100  # images whose answers are computed together; it changes nothing but memory


class RepNetSettings(NamedTuple):
    """How a task is learned.

    The defaults were measured on two tasks of ten CIFAR-100 classes, 1,000 images each, and the two small
    backbones; with norm 'batch', ResNet-8 wants rate_modules 1e-2.
    """

    optimiser: str = "adam"
    rate_head: float = 3e-3  # largest change of a weight in one step, about (Adam)
    rate_modules: float = 3e-3
    momentum: float = 0.9  # SGD's
    decay: float = 0.0  # L2
    smoothing: float = 0.0  # s, label smoothing
    batch: int = 16
    epochs: int = 10  # passes of `learn` over its examples
    flip: bool = True  # mirror images by chance
    steps: int = 0  # of the cosine; 0 = as many as the first `learn` takes


class RepNetFloat:
    """One task: a Rep-Net (or a baseline), its head and the optimiser."""

    def __init__(
        self, network: RepNet | Tuned, head: nn.Linear, settings: RepNetSettings | None = None, *, seed: int
    ) -> None:
        """InputError if the optimiser is unknown."""
        pytorch()  # one thread
        self.network, self.head, self.seed = network, head, seed
        self.settings = RepNetSettings() if settings is None else settings
        self.passes, self.taken = 0, 0
        s = self.settings
        if s.optimiser not in OPTIMISERS:
            raise InputError(f"optimiser '{s.optimiser}' is unknown; choose one of {', '.join(OPTIMISERS)}")
        groups = [
            {"params": list(head.parameters()), "lr": s.rate_head},
            {"params": list(network.trained()), "lr": s.rate_modules},
        ]
        self._groups = [group for group in groups if group["params"]]
        self._optimiser: Any = (
            torch.optim.Adam(self._groups, weight_decay=s.decay)
            if s.optimiser == "adam"
            else torch.optim.SGD(self._groups, lr=0.0, momentum=s.momentum, weight_decay=s.decay)
        )
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._start_moments()
        network.eval()

    def _start_moments(self) -> None:
        """Make the optimiser's state now, as its first step would: a state dict has the same names ever after."""
        for group in self._optimiser.param_groups:
            for weight in group["params"]:
                own = self._optimiser.state[weight]
                if self.settings.optimiser == "adam":
                    own["step"] = torch.tensor(0.0)
                    own["exp_avg"], own["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
                elif self.settings.momentum:
                    own["momentum_buffer"] = torch.zeros_like(weight)

    def learn(self, x: Float, y: Labels) -> None:
        """`epochs` passes over x (examples, 3, height, width) and y (examples,), in new orders each time."""
        s = self.settings
        if s.steps == 0:
            self.settings = s = s._replace(steps=s.epochs * math.ceil(len(x) / s.batch))
        for _ in range(s.epochs):
            rng = generator(self.seed, "repnet", "pass", str(self.passes))
            order = rng.permutation(len(x))
            mirrored = rng.random(len(x)) < 0.5
            for low in range(0, len(x), s.batch):
                chosen = order[low : low + s.batch]
                images = x[chosen]
                if s.flip:
                    images = np.where(
                        mirrored[low : low + s.batch, None, None, None], images[..., ::-1], images
                    )
                self.step(images, y[chosen])
            self.passes += 1

    def step(self, x: Float, y: Labels) -> float:
        """One step on a mini-batch x (examples, 3, height, width), y (examples,); the loss from before it."""
        s = self.settings
        if s.steps > 0:
            share = 0.5 + 0.5 * math.cos(math.pi * min(1.0, self.taken / s.steps))
            for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
                group["lr"] = rate * share
        self.network.train()
        answers = self.head(self.network(self._images(x)))
        loss = functional.cross_entropy(
            answers, torch.from_numpy(y.astype(np.int64)), label_smoothing=s.smoothing
        )
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self.network.eval()
        self.taken += 1
        return float(loss.detach())

    def outputs(self, x: Float) -> Float:
        """(examples, classes) answers for x (examples, 3, height, width)."""
        with torch.no_grad():
            parts = [
                self.head(self.network(self._images(x[low : low + AT_ONCE]))).numpy()
                for low in range(0, len(x), AT_ONCE)
            ]
        return np.concatenate(parts)

    def _images(self, x: Float) -> torch.Tensor:
        """x (images, 3, height, width) as a tensor; InputError if the network can't take it."""
        if x.ndim != 4 or x.shape[1] != 3:
            raise InputError(f"images of shape {x.shape} can't be learned; give (images, 3, height, width)")
        self.network.check_size(*x.shape[2:])
        return torch.from_numpy(np.ascontiguousarray(x, np.float32))

    def predict(self, x: Float) -> Labels:
        """(examples,) class for x (examples, 3, height, width)."""
        return self.outputs(x).argmax(axis=1).astype(np.int64)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything of this task that changes, by name, copied: modules, head, optimiser, counters."""
        found = {"passes": torch.tensor(self.passes), "taken": torch.tensor(self.taken)}
        found["steps"] = torch.tensor(self.settings.steps)
        for part, module in (("modules", self.network.own()), ("head", self.head)):
            for name, tensor in module.state_dict().items():
                found[f"{part}.{name}"] = tensor.detach().clone()
        for number, state in self._optimiser.state_dict()["state"].items():
            for name, tensor in state.items():
                found[f"optimiser.{number}.{name}"] = torch.as_tensor(tensor).detach().clone()
        return found

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Continue from what `tensors` gave; a network of other shapes raises PyTorch's error."""
        self.passes, self.taken = int(tensors["passes"]), int(tensors["taken"])
        self.settings = self.settings._replace(steps=int(tensors["steps"]))
        for part, module in (("modules", self.network.own()), ("head", self.head)):
            own = {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
            module.load_state_dict(own)
        states: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimiser."):
                _, number, name = key.split(".", 2)
                states.setdefault(int(number), {})[name] = tensor.clone()
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": states})
