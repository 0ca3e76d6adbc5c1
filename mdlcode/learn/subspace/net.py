"""A net whose weights move in a random subspace."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.config import STRICT, Seed, Settings
from mdlcode.errors import MdlError
from mdlcode.nets.held import call_with, held_tensors, others
from mdlcode.projections import AnyProjection
from mdlcode.projections.layers import Layers, groups

_LEAST_SPREAD = 0.05  # of a Laplace distribution, in steps: below it all coordinates are zero


@dataclass(frozen=True, config=STRICT)
class Real(Settings):
    """Coordinates are real numbers, as a measurement of the intrinsic dimension has them."""

    kind: Literal["real"] = Field(default="real", kw_only=True)


@dataclass(frozen=True, config=STRICT)
class Stepped(Settings):
    """Coordinates are whole multiples of a step, which is learned with them, from `step` on.

    They are trained through the rounding (straight through: Bengio et al. 2013; the step as in Esser et al.
    2020), and `bit_price` bits of loss are paid for each bit that they take: 1 is the codelength itself.
    """

    kind: Literal["stepped"] = Field(default="stepped", kw_only=True)
    step: float = Field(default=0.1, gt=0)
    bit_price: float = Field(default=1.0, ge=0)


Coordinates = Annotated[Real | Stepped, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Span:
    """Where the weights of a net may be: theta0 + P v, with theta0 and P drawn from `seed` and v of `dimension`."""

    projection: AnyProjection
    dimension: int = Field(ge=1)
    layers: Layers
    seed: Seed


class SubspaceNet(nn.Module):
    """theta = theta0 + P v, logits e^s f_theta(x): v is trained, and with steps also these and s.

    The net is a registered module with its own theta0, so that `eval()`, `to()` and `state_dict()` reach it.
    Frozen parameters stay as they are; tied ones move together. Raises MdlError where nothing can move, and
    for a dimension that does not fit.
    """

    counts: Tensor  # (groups,), coordinates in each
    coordinates: nn.Parameter  # (d,)
    log_steps: nn.Parameter  # (groups,)
    log_scale: nn.Parameter  # ()

    def __init__(self, net: nn.Module, span: Span, kind: Coordinates) -> None:
        """With the net at its theta0, drawn from the span's seed."""
        super().__init__()
        start = trained(net)
        self.span, self.stepped, self.fixed = span, isinstance(kind, Stepped), False
        self.groups = groups(start, span.dimension, span.layers)
        self.start = others(net)  # what both sides have of it, besides what moves
        self.net = net.requires_grad_(False)
        sizes = [sum(start[name].numel() for name in group.names) for group in self.groups]
        self.projectors = nn.ModuleList(
            span.projection.bind(size, group.dimension, span.seed, stream)
            for stream, (size, group) in enumerate(zip(sizes, self.groups, strict=True))
        )
        counts = torch.tensor([group.dimension for group in self.groups])
        self.register_buffer("counts", counts, persistent=False)
        self.coordinates = nn.Parameter(torch.zeros(span.dimension))
        first = torch.full((len(self.groups),), kind.step if isinstance(kind, Stepped) else 1.0)
        self.log_steps = nn.Parameter(first.log(), requires_grad=self.stepped)
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=self.stepped)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m, K)."""
        logits: Tensor = call_with(self.net, self.weights(), x)
        return logits * self.log_scale.exp()

    def weights(self) -> dict[str, Tensor]:
        """theta by name, where it moves."""
        start: dict[str, Tensor] = dict(self.net.named_parameters())
        moved: dict[str, Tensor] = {}
        parts = self.by_group(self.values())
        for group, projector, part in zip(self.groups, self.projectors, parts, strict=True):
            pieces = torch.split(projector(part), [start[name].numel() for name in group.names])
            moved |= {
                name: start[name] + piece.view_as(start[name]) for name, piece in zip(group.names, pieces, strict=True)
            }
        return moved

    def values(self) -> Tensor:
        """The coordinates (d,) that the weights are made of: rounded, where they have a step and are not fixed."""
        return self.multiples() * self._steps() if self.stepped and not self.fixed else self.coordinates

    def multiples(self) -> Tensor:
        """The coordinates (d,) in whole steps; the gradient passes as if they were not rounded."""
        exact = self.coordinates / self._steps()
        return exact + (exact.round() - exact).detach()

    @torch.no_grad()
    def fix(self, values: Tensor, steps: Tensor) -> None:
        """Sets the coordinates (d,) to these values, multiples of the steps (groups,), which are not rounded again."""
        self.coordinates.copy_(values)
        self.log_steps.copy_(steps.log())
        self.fixed = True

    def tensors(self) -> dict[str, Tensor]:
        """All that predictions depend on, by the names of the net: weights where they are now, buffers, the scale."""
        return {**held_tensors(self.net), **self.weights(), "log_scale": self.log_scale}

    def estimated_bits(self) -> Tensor:
        """Bits of the coordinates, each under the Laplace distribution of its group's mean size."""
        return torch.stack([laplace_bits(part) for part in self.by_group(self.multiples())]).sum()

    def by_group(self, values: Tensor) -> tuple[Tensor, ...]:
        """Values (d,), one for each coordinate, cut into those of each group."""
        return torch.split(values, [group.dimension for group in self.groups])

    def _steps(self) -> Tensor:
        return self.log_steps.exp().repeat_interleave(self.counts, output_size=len(self.coordinates))


def trained(net: nn.Module) -> dict[str, Tensor]:
    """The parameters that are not frozen, by name; tied ones once. Raises MdlError where there are none."""
    found: dict[str, Tensor] = {name: value for name, value in net.named_parameters() if value.requires_grad}
    if not found:
        raise MdlError("all parameters of the net are frozen: nothing can move in a subspace")
    return found


def laplace_bits(values: Tensor) -> Tensor:
    """Sum of -log2 P(value - 1/2 .. value + 1/2) under a Laplace distribution of scale b = mean |value|.

    >>> round(float(laplace_bits(torch.tensor([0.0, 0.0, 1.0, -2.0]))), 2)
    8.81
    """
    size = values.abs()
    spread = size.mean().clamp(min=_LEAST_SPREAD)
    beyond = torch.exp(-(size + 0.5) / spread) / 2
    near = (size - 0.5) / spread
    at_least = torch.where(near > 0, torch.exp(-near.clamp(min=0)) / 2, 1 - torch.exp(near.clamp(max=0)) / 2)
    return -torch.log2((at_least - beyond).clamp(min=1e-12)).sum()
