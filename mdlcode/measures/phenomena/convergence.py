"""Linear convergence of a wide two-layer ReLU net under gradient descent (Du et al. 2019, arXiv 1810.02054).

"Gradient Descent Provably Optimizes Over-parameterized Neural Networks": f(x) = m^-1/2 sum_r a_r relu(w_r x) with
w_r ~ N(0, I) trained and a_r = +-1 not; inputs of norm 1, the loss Phi = 1/2 sum_i (f(x_i) - y_i)^2. Where m is large
enough, ||f - y||^2 <= (1 - eta lambda_0 / 2)^k ||f - y||^2 at the start, after k steps of size eta (theorem 4.1).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Descent:
    """`losses` (k + 1,): ||f - y||^2 before each step and after the last. `moved` is the largest ||w_r - w_r(0)||_2,
    `flipped` the share of pairs of unit and input whose activation changed. `weights` (m, d) and `signs` (m,) are the
    net's at the end.
    """

    losses: FloatArray
    moved: float
    flipped: float
    weights: Tensor
    signs: Tensor

    def predict(self, inputs: Tensor) -> Tensor:
        """f(x) (m,) of inputs (m, d)."""
        return two_layer(inputs, self.weights, self.signs)


def two_layer(inputs: Tensor, weights: Tensor, signs: Tensor) -> Tensor:
    """f(x) = m^-1/2 sum_r a_r relu(w_r x) of inputs (n, d): (n,)."""
    outputs: Tensor = torch.relu(inputs @ weights.T) @ signs / len(signs) ** 0.5
    return outputs


def gradient_descent(inputs: Tensor, targets: Tensor, width: int, rate: float, steps: int, seed: int = 0) -> Descent:
    """So many steps of full gradient descent on the w_r, from w_r ~ N(0, I), on inputs (n, d) of norm 1.

    Raises MdlError for inputs of another norm, and where the loss runs off.

    >>> x = torch.nn.functional.normalize(torch.randn(5, 9), dim=1)
    >>> found = gradient_descent(x, torch.ones(5), width=200, rate=0.5, steps=50)
    >>> len(found.losses), bool(found.losses[-1] < found.losses[0] / 100)
    (51, True)
    """
    if not bool(torch.allclose(inputs.norm(dim=1), torch.ones(len(inputs), device=inputs.device), atol=1e-3)):
        raise MdlError("the theorem is for inputs of norm 1: take torch.nn.functional.normalize(inputs, dim=1)")
    generator = Generator().manual_seed(seed)
    weights = torch.randn(width, inputs.shape[1], generator=generator).to(inputs.device)
    signs = (2.0 * torch.randint(2, (width,), generator=generator) - 1).to(inputs.device)
    start, losses = weights.clone(), []
    for _ in range(steps):
        before = inputs @ weights.T  # (n, m)
        missed = torch.relu(before) @ signs / width**0.5 - targets
        losses.append(float(missed.double().square().sum()))
        # d Phi / d w_r = m^-1/2 sum_i (f(x_i) - y_i) a_r 1{w_r x_i >= 0} x_i
        active = (before >= 0).float() * missed[:, None]
        weights = weights - rate / width**0.5 * signs[:, None] * (active.T @ inputs)
    losses.append(float((two_layer(inputs, weights, signs) - targets).double().square().sum()))
    if not np.isfinite(losses[-1]):
        raise MdlError(
            f"the loss ran off at rate {rate:g}: at most 1 / (largest eigenvalue of the Gram matrix) is safe"
        )
    flipped = ((inputs @ start.T >= 0) != (inputs @ weights.T >= 0)).float().mean()
    moved = (weights - start).norm(dim=1).max()
    return Descent(np.array(losses), float(moved), float(flipped), weights, signs)


def gram(inputs: Tensor) -> FloatArray:
    """H_ij = E_w[x_i x_j 1{w x_i >= 0, w x_j >= 0}] = x_i x_j (pi - arccos x_i x_j) / 2 pi of inputs of norm 1 (n, d).

    Its least eigenvalue is the theorem's lambda_0 (definition 3.1 there); gradient descent on infinitely many units is
    linear with this matrix.

    >>> gram(torch.eye(2)).round(3)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    cosines = (inputs @ inputs.T).double().clamp(-1, 1)
    matrix: FloatArray = (cosines * (torch.pi - cosines.arccos()) / (2 * torch.pi)).cpu().numpy()
    return matrix


@dataclass(frozen=True)
class Line:
    """A straight line through log losses: `rate` is the factor by which a step shrinks the loss, less 1 and negated,
    and `r2` the share of the log losses' variance that the line explains.
    """

    rate: float
    r2: float


def fitted_line(losses: FloatArray, floor: float = 1e-9) -> Line:
    """The line of least squares through log L_k against k; losses below `floor` times the first are left out.

    Works on the losses (k + 1,) of any training. Raises MdlError where fewer than three are left.

    >>> fitted_line(0.9 ** np.arange(30))
    Line(rate=0.1, r2=1.0)
    """
    kept = np.flatnonzero(losses > floor * losses[0])
    if len(kept) < 3:
        raise MdlError(f"{len(kept)} losses above {floor:g} of the first make no line: at least three are needed")
    logs = np.log(losses[kept])
    slope, start = np.polyfit(kept, logs, 1)
    left = np.square(logs - (slope * kept + start)).sum()
    spread = np.square(logs - logs.mean()).sum()
    return Line(round(float(-np.expm1(slope)), 12), round(float(1 - left / spread), 12) if spread else 1.0)
