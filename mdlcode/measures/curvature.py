"""Effective dimension: how many directions of the loss are steep (MacKay 1992; Maddox et al. 2020)."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import eigh_tridiagonal
from torch import Generator, Tensor
from torch.func import functional_call, grad, vjp

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained
from mdlcode.typing import FloatArray

_PROBES = 8
_LANCZOS_STEPS = 30
_DENSE = 5000  # parameters up to which the whole matrix can be made
Matrix = Literal["ggn", "hessian"]


@dataclass(frozen=True)
class EffectiveDimension(Measure):
    """N_eff / k, N_eff = sum_i l_i / (l_i + z), l_i the eigenvalues of the summed training loss's curvature.

    z = 1 is a unit Gaussian prior. The matrix is the generalised Gauss-Newton one, or the Hessian, whose negative
    eigenvalues count 0. The sum is tr f(A), estimated by stochastic Lanczos quadrature (Ubaru et al. 2017): eight
    random probes of thirty Lanczos steps with full reorthogonalisation, unbiased up to the quadrature, so that no
    eigenvalue is dropped; the error is over the probes.
    """

    matrix: Matrix = "ggn"
    prior_precision: float = 1.0
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """The share of the k parameters, and its standard error."""
        size = sum(each.numel() for each in trained.weights.values())
        generator = Generator().manual_seed(0)
        signs = [2.0 * torch.randint(2, (size,), generator=generator) - 1 for _ in range(_PROBES)]
        found = [self._quadrature(trained, probe.to(trained.inputs.device)) for probe in signs]
        return Value(float(np.mean(found)), float(np.std(found, ddof=1) / math.sqrt(_PROBES)))

    def share(self, eigenvalues: FloatArray) -> FloatArray:
        """l / (l + z), 0 for negative ones."""
        positive = np.maximum(eigenvalues, 0.0)
        shares: FloatArray = positive / (positive + self.prior_precision)
        return shares

    def _quadrature(self, trained: Trained, probe: Tensor) -> float:
        """v^T f(A) v / ||v||^2 by the Gauss quadrature that Lanczos gives."""
        basis, diagonal, beside = [probe / probe.norm()], [], []
        for _ in range(min(_LANCZOS_STEPS, len(probe))):
            image = product(trained, basis[-1], self.matrix)
            diagonal.append(float(image @ basis[-1]))
            stacked = torch.stack(basis)
            for _ in range(2):  # twice is enough
                image = image - stacked.T @ (stacked @ image)
            beside.append(float(image.norm()))
            if beside[-1] < 1e-6 * max(map(abs, diagonal)):
                break
            basis.append(image / beside[-1])
        nodes, vectors = eigh_tridiagonal(np.array(diagonal), np.array(beside[: len(diagonal) - 1]))
        return float(np.square(vectors[0]) @ self.share(nodes))


def product(trained: Trained, vector: Tensor, matrix: Matrix) -> Tensor:
    """A v for the curvature A of the summed training loss, v (k,) over all parameters in their order."""
    weights = trained.weights
    tangent = _unflattened(vector, weights)
    total: Tensor | None = None
    batches = zip(torch.split(trained.inputs, 1000), torch.split(trained.targets, 1000), strict=True)
    for x, y in batches:
        ggn = matrix == "ggn"
        image = _flat(_ggn(trained, weights, tangent, x) if ggn else _hessian(trained, weights, tangent, x, y))
        total = image if total is None else total + image
    assert total is not None
    return total


def dense(trained: Trained, matrix: Matrix) -> FloatArray:
    """The whole curvature (k, k), column by column: the oracle for small nets. ValueError above 5,000 parameters."""
    size = sum(each.numel() for each in trained.weights.values())
    if size > _DENSE:
        raise ValueError(f"{size:,} parameters: the dense curvature is made for up to {_DENSE:,}")
    columns = [product(trained, each, matrix) for each in torch.eye(size, device=trained.inputs.device)]
    whole: FloatArray = torch.stack(columns).double().cpu().numpy()
    return (whole + whole.T) / 2


def _ggn(trained: Trained, weights: dict[str, Tensor], tangent: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    def logits(w: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(trained.net, w, (x,))
        return result

    outputs, back = vjp(logits, weights)[:2]
    # J v as the transpose of u -> J^T u: forward mode would warn of torch's own deprecations.
    moved = vjp(back, torch.zeros_like(outputs))[1]((tangent,))[0]
    p = outputs.softmax(1)
    curved = p * moved - p * (p * moved).sum(1, keepdim=True)  # (diag p - p p^T) J v
    return dict(back(curved)[0])


def _hessian(
    trained: Trained, weights: dict[str, Tensor], tangent: dict[str, Tensor], x: Tensor, y: Tensor
) -> dict[str, Tensor]:
    def slope(w: dict[str, Tensor]) -> Tensor:
        def loss(at: dict[str, Tensor]) -> Tensor:
            return F.cross_entropy(functional_call(trained.net, at, (x,)), y, reduction="sum")

        return torch.stack([(each * tangent[name]).sum() for name, each in grad(loss)(w).items()]).sum()

    return dict(grad(slope)(weights))


def _unflattened(vector: Tensor, like: dict[str, Tensor]) -> dict[str, Tensor]:
    parts = torch.split(vector, [each.numel() for each in like.values()])
    return {name: part.view_as(each) for (name, each), part in zip(like.items(), parts, strict=True)}


def _flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([each.flatten() for each in tensors.values()])
