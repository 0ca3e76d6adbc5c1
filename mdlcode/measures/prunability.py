"""Prunability: the least share of weights that can be kept without harm to the training loss (Kuhn et al. 2021)."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained

# Shares that are tried: equal steps, and finer ones near 0. The cell that holds the answer is then cut again.
_SHARES = sorted({0.0, *(2.0**-k for k in range(4, 13)), *(k / 32 for k in range(1, 33))})
_REFINEMENT = 12
_RANDOM_MASKS = 5
BETA = 0.1


@dataclass(frozen=True)
class Pruned:
    """The smallest kept share that is good enough, and the largest below 1 from where on the loss fails.

    The loss under pruning does not fall evenly with the share kept, so the two may differ.
    """

    smallest_feasible: float
    first_failure: float


def pruned(trained: Trained, limit: float, seed: int | None = None) -> Pruned:
    """Which shares of the weights may be kept at a training loss of at most `limit` nats.

    One-shot, global over the weight tensors, others set to 0; biases and batch norm stay, and batch norm keeps
    its statistics. Without a `seed` the smallest weights go; with one, random ones. Worked out once for a net.
    """
    known: dict[tuple[float, int | None], Pruned] = trained.__dict__.setdefault("_pruned", {})
    if (limit, seed) not in known:
        known[limit, seed] = _searched(trained, limit, seed)
    return known[limit, seed]


def _searched(trained: Trained, limit: float, seed: int | None) -> Pruned:
    ranks = _ranks(trained, seed)
    shares = torch.tensor(_SHARES)
    good = _good(trained, ranks, shares, limit)
    smallest = _smallest(trained, ranks, shares, good, limit)
    failing = shares[:-1][~good[:-1]]
    return Pruned(smallest, float(failing.max()) if len(failing) else 0.0)


@dataclass(frozen=True)
class Prunability(Measure):
    """min alpha with CE(pruned to alpha) <= (1 + beta) CE, or CE + `tolerance_nats` where that is given.

    Kuhn et al. 2021, section 3, with beta = 0.1; alpha is the share of weights that is kept. With `method` "random" it
    is the mean over five masks. At a loss near 0 beta asks for hardly any change: an absolute tolerance does not.
    """

    method: Literal["magnitude", "random"] = "magnitude"
    tolerance_nats: float | None = None
    first_failure: bool = False
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """The least share, with a standard error over the random masks."""
        limit = tolerated(trained) if self.tolerance_nats is None else trained.loss + self.tolerance_nats
        seeds: tuple[int | None, ...] = (None,) if self.method == "magnitude" else tuple(range(_RANDOM_MASKS))
        found = [pruned(trained, limit, seed) for seed in seeds]
        shares = torch.tensor([each.first_failure if self.first_failure else each.smallest_feasible for each in found])
        error = float(shares.std() / math.sqrt(len(shares))) if len(shares) > 1 else math.nan
        return Value(float(shares.mean()), error)


def tolerated(trained: Trained) -> float:
    """(1 + beta) CE in nats: the training loss up to which pruning counts as harmless."""
    return (1 + BETA) * trained.loss


def masked(trained: Trained, share: float) -> dict[str, Tensor]:
    """The net's weights with all but the largest `share` of the weight tensors' entries set to 0."""
    ranks = _ranks(trained, None)
    return {
        **trained.weights,
        **{name: each[0] for name, each in _stack(trained, ranks, torch.tensor([share])).items()},
    }


def _ranks(trained: Trained, seed: int | None) -> dict[str, Tensor]:
    """For each weight the share of weights that go before it: it stays where more than that share is kept."""
    flat = torch.cat([each.abs().flatten() for each in trained.kernels.values()])
    if seed is not None:
        flat = torch.rand(len(flat), generator=Generator().manual_seed(seed)).to(flat.device)
    rank = torch.empty_like(flat)
    rank[flat.argsort(descending=True, stable=True)] = torch.arange(len(flat), device=flat.device).float() / len(flat)
    parts = torch.split(rank, [each.numel() for each in trained.kernels.values()])
    return {name: part.view_as(each) for (name, each), part in zip(trained.kernels.items(), parts, strict=True)}


def _stack(trained: Trained, ranks: dict[str, Tensor], shares: Tensor) -> dict[str, Tensor]:
    def kept(name: str, weight: Tensor) -> Tensor:
        limits = shares.to(weight.device).view(-1, *[1] * weight.ndim)
        return weight * (ranks[name] < limits)

    return {name: kept(name, weight) for name, weight in trained.kernels.items()}


def _good(trained: Trained, ranks: dict[str, Tensor], shares: Tensor, limit: float) -> Tensor:
    """Whether each share (S,) keeps the training loss within the limit."""
    parts = [trained.losses(_stack(trained, ranks, part), limit) <= limit for part in torch.split(shares, 16)]
    return torch.cat(parts).cpu()


def _smallest(trained: Trained, ranks: dict[str, Tensor], shares: Tensor, good: Tensor, limit: float) -> float:
    """The smallest feasible share, its cell of the grid cut once more; 1 keeps everything."""
    if bool(good[0]):
        return 0.0
    first = int(good.int().argmax()) if bool(good.any()) else len(shares) - 1
    low, high = float(shares[first - 1]), float(shares[first])
    finer = torch.linspace(low, high, _REFINEMENT + 2)[1:-1]
    fine = _good(trained, ranks, finer, limit)
    return float(finer[int(fine.int().argmax())]) if bool(fine.any()) else high
