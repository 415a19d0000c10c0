"""Linear and convolutional layers on arrays: they bring inputs to the array as vectors, and add biases digitally."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cimlearn.errors import InputError
from cimlearn.torch.array import Array, Work
from cimlearn.torch.layout import Layout
from cimlearn.torch.library import functional, nn, torch

Tensor = torch.Tensor
Maker = Callable[[str, Layout, Tensor], Array]  # name of the weight, its layout, itself (outputs, rows)
MODES: Final = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class ChipLinear(nn.Module):
    """A fully connected layer on an array. `weight` and `bias` are those of the layer it replaces."""

    def __init__(self, plain: nn.Linear, make: Maker, largest: int) -> None:
        """Take over the parameters of `plain`; tiles have at most `largest` rows."""
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.weight, self.bias = plain.weight, plain.bias
        layout = Layout(plain.in_features, plain.out_features, 1, largest)
        self.array = make("weight", layout, plain.weight)
        self.train(plain.training)

    def forward(self, x: Tensor) -> Tensor:
        """(..., out_features) of x (..., in_features)."""
        if x.shape[-1] != self.in_features:
            raise InputError(
                f"{self.array.name}: inputs of {x.shape[-1]} features do not fit {self.in_features}"
            )
        if x.dim() == 2:
            return self.array.answer(x, self.weight, self.bias)
        y = self.array.answer(x.reshape(-1, self.in_features), self.weight, self.bias)
        return y.reshape(*x.shape[:-1], self.out_features)

    def held(self) -> dict[str, tuple[Array, Tensor]]:
        """Name of each weight -> its array, and itself as (outputs, rows)."""
        return {"weight": (self.array, self.weight)}

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        return empty(
            nn.Linear, self.weight, self.training, self.in_features, self.out_features, self.bias is not None
        )

    def work(self) -> Work:
        """Digital operations: none beyond the array's, which scales an output and adds its bias."""
        return {}

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.in_features}, {self.out_features}"


class ChipConv(nn.Module):
    """A convolution of 1, 2 or 3 dimensions on an array: one vector for each place of the kernel."""

    def __init__(self, plain: Any, make: Maker, largest: int) -> None:
        """Take over the parameters of `plain` (nn.Conv1d, Conv2d or Conv3d)."""
        super().__init__()
        self.kind = type(plain)
        self.weight, self.bias = plain.weight, plain.bias
        self.kernel_size, self.stride, self.dilation = plain.kernel_size, plain.stride, plain.dilation
        self.groups, self.in_channels, self.padding = plain.groups, plain.in_channels, plain.padding
        self.padding_mode = plain.padding_mode
        if self.padding_mode not in MODES:
            raise InputError(
                f"padding_mode = {self.padding_mode!r} can't be on an array; known: {', '.join(MODES)}"
            )
        self._around = tuple(plain._reversed_padding_repeated_twice)
        outputs, rows = len(plain.weight), plain.weight[0].numel()
        layout = Layout(rows, outputs // self.groups, self.groups, largest)
        self.array = make("weight", layout, plain.weight.reshape(outputs, rows))
        self.train(plain.training)

    def forward(self, x: Tensor) -> Tensor:
        """(examples, outputs, places...) of x (examples, channels, ...), or both without examples."""
        sides = len(self.kernel_size)
        alone = x.dim() == sides + 1
        if alone:
            x = x[None]
        if x.dim() != sides + 2 or x.shape[1] != self.in_channels:
            raise InputError(
                f"{self.array.name}: an input of shape {tuple(x.shape)} does not fit; "
                f"give (examples, {self.in_channels}{', size' * sides})"
            )
        vectors, places = self._vectors(x)
        y = self.array.answer(vectors, self.weight.flatten(1), self.bias)
        y = y.reshape(len(x), *places, -1).movedim(-1, 1)
        return y[0] if alone else y

    def _vectors(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """(examples x places, channels x kernel) of x (examples, channels, ...), and the number of places per side."""
        if any(self._around):
            x = functional.pad(x, self._around, mode=MODES[self.padding_mode])
        for side, (size, step, apart) in enumerate(
            zip(self.kernel_size, self.stride, self.dilation, strict=True)
        ):
            reach = (size - 1) * apart + 1
            if x.shape[side + 2] < reach:
                raise InputError(
                    f"{self.array.name}: {x.shape[side + 2]} places are fewer than the kernel's {reach}; "
                    "give larger inputs"
                )
            x = x.unfold(side + 2, reach, step)[..., ::apart]
        sides = len(self.kernel_size)
        places = tuple(x.shape[2 : 2 + sides])
        # (examples, channels, places..., kernel...) -> (examples, places..., channels, kernel...)
        return x.movedim(1, 1 + sides).reshape(len(x) * _product(places), -1), places

    def held(self) -> dict[str, tuple[Array, Tensor]]:
        """Name of each weight -> its array, and itself as (outputs, rows)."""
        return {"weight": (self.array, self.weight.flatten(1))}

    def plain(self) -> nn.Module:
        """An empty layer of the kind that this one replaced."""
        sizes = (self.in_channels, len(self.weight), self.kernel_size, self.stride, self.padding)
        return empty(
            self.kind,
            self.weight,
            self.training,
            *sizes,
            self.dilation,
            self.groups,
            self.bias is not None,
            self.padding_mode,
        )

    def work(self) -> Work:
        """Digital operations: none beyond the array's, which scales an output and adds its bias."""
        return {}

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.in_channels}, {len(self.weight)}, kernel_size={self.kernel_size}, groups={self.groups}"


def empty(kind: Any, weight: Tensor, training: bool, *sizes: Any) -> nn.Module:
    """A layer of `kind` of the type of `weight`, whose parameters have sizes but no memory."""
    made: nn.Module = kind(*sizes, device="meta", dtype=weight.dtype)
    return made.train(training)


def _product(sizes: tuple[int, ...]) -> int:
    """All sizes multiplied."""
    found = 1
    for size in sizes:
        found *= size
    return found
