"""Gradient descent on a wide two-layer ReLU net, against autograd and the linear theory."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator

from mdlcode.errors import MdlError
from mdlcode.measures.phenomena.convergence import fitted_line, gradient_descent, gram, two_layer


@pytest.fixture
def inputs() -> torch.Tensor:
    return F.normalize(torch.randn(12, 20), dim=1)


def test_a_step_is_the_gradients(inputs: torch.Tensor) -> None:
    targets = torch.randn(12)
    found = gradient_descent(inputs, targets, width=7, rate=0.3, steps=1, seed=4)
    generator = Generator().manual_seed(4)
    weights = torch.randn(7, 20, generator=generator).requires_grad_()
    signs = 2.0 * torch.randint(2, (7,), generator=generator) - 1
    loss = (two_layer(inputs, weights, signs) - targets).square().sum() / 2
    [slope] = torch.autograd.grad(loss, [weights])
    assert torch.allclose(found.weights, weights - 0.3 * slope, atol=1e-6)
    assert found.losses[0] == pytest.approx(2 * float(loss.detach()), rel=1e-5)


def test_the_gram_matrix_is_the_expectation(inputs: torch.Tensor) -> None:
    active = (inputs @ torch.randn(20, 40_000) >= 0).float()
    drawn = (inputs @ inputs.T) * (active @ active.T) / 40_000
    assert np.abs(gram(inputs) - drawn.numpy()).max() < 0.01


def test_a_wide_net_converges_at_least_as_fast_as_the_theorem_says(inputs: torch.Tensor) -> None:
    targets = torch.sign(torch.randn(12))
    eigenvalues = np.linalg.eigvalsh(gram(inputs))
    rate = float(1 / eigenvalues[-1])
    found = gradient_descent(inputs, targets, width=2000, rate=rate, steps=60)
    bound = (1 - rate * eigenvalues[0] / 2) ** np.arange(61)
    assert (found.losses <= bound * found.losses[0] * (1 + 1e-6)).all()
    assert fitted_line(found.losses).rate >= rate * eigenvalues[0] / 2
    narrow = gradient_descent(inputs, targets, width=20, rate=rate, steps=60)
    assert found.moved < narrow.moved
    assert found.flipped < narrow.flipped


def test_bad_input_is_one_line(inputs: torch.Tensor) -> None:
    with pytest.raises(MdlError, match="inputs of norm 1"):
        gradient_descent(2 * inputs, torch.ones(12), 5, 0.1, 1)
    with pytest.raises(MdlError, match="ran off at rate 1e"):
        gradient_descent(inputs, torch.ones(12), 50, 1e6, 200)
    with pytest.raises(MdlError, match="at least three"):
        fitted_line(np.array([1.0, 1e-12, 1e-13, 1e-14]))
