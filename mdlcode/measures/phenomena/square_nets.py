"""Nets with one hidden layer under the squared loss, a family of widths for a double descent (Belkin et al. 2019)."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn

from mdlcode.config import STRICT, Seed, Settings
from mdlcode.data.base import Data, Shared
from mdlcode.learn import AdamW, NetPredictor, Steps
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.optimizer import Optimizer
from mdlcode.learn.nets.steps import descend
from mdlcode.measures.lengths import TwoPartLength
from mdlcode.measures.phenomena.descent import SCORE_SHARPNESS, Regressed
from mdlcode.measures.trained import Trained
from mdlcode.nets.families import Form, mlp
from mdlcode.typing import FloatArray, IntArray

_FRESH_DEVIATION = 0.1  # of the units that are added to a trained net: variance 0.01, as in the paper
_HIDDEN, _OUT = 1, 4  # places of the two dense layers among those of a net of `mlp`


class SquareNet(Regressed):
    """A net whose outputs were fitted to one-hot labels."""

    def __init__(self, net: nn.Sequential, shared: Shared) -> None:
        self.net = net.eval()
        self._behind = NetPredictor(net, shared, bf16=False)
        self.norm = float(sum(each.detach().double().square().sum() for each in net.parameters())) ** 0.5

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> FloatArray:
        """As of `Regressed`."""
        scores: FloatArray = self._behind.logits(inputs.float()).double().cpu().numpy()
        return scores

    def two_part_bits(self, data: Data) -> float:
        """Bits of the weights, each tensor rounded to 16 values, and of the labels under the net with outputs times 10.

        The measure `two-part-bits`, of softmax(10 f) as `predict` has it: how short the weights happen to be.
        """
        sharp = deepcopy(self.net)
        with torch.no_grad():
            for parameter in sharp[_OUT].parameters():
                parameter.mul_(SCORE_SHARPNESS)
        return TwoPartLength().of(Trained(sharp, data)).value


@dataclass(frozen=True, config=STRICT)
class SquareNets(Settings):
    """All widths, from the narrowest: a family as `descent.across` takes it.

    As long as a net has at most t K parameters, for t labels of K classes, it starts from the trained net before it,
    with units added that are drawn from N(0, 0.1^2); wider ones start anew, from Glorot's uniform law. So the training
    loss falls with the width. (This reuse of weights is the paper's, and ends at the very size where the peak is.)

    >>> from mdlcode.data import View, load
    >>> data = load("digits", View(limit=20))
    >>> nets = SquareNets((1, 40), Steps(min_steps=200, max_steps=200))(data.shared, data.labels)
    >>> [int((each.scores(data.shared.inputs).argmax(1) != data.labels).sum()) for each in nets][1]
    0
    """

    widths: tuple[int, ...] = Field(min_length=1)
    training: Steps = Steps(epochs=500)
    optimizer: Optimizer = AdamW(lr=1e-2, weight_decay=0.0)
    seed: Seed = 0

    def num_parameters(self, shared: Shared) -> list[int]:
        """(d + 1) H + (H + 1) K of each width H.

        >>> from mdlcode.data import load
        >>> SquareNets((1, 10)).num_parameters(load("digits").shared)
        [85, 760]
        """
        size, classes = shared.inputs[0].numel(), shared.num_classes
        return [(size + 1) * width + (width + 1) * classes for width in self.widths]

    def __call__(self, shared: Shared, labels: IntArray) -> list[SquareNet]:
        """The trained nets, one after the other."""
        found: list[SquareNet] = []
        for width, count in zip(self.widths, self.num_parameters(shared), strict=True):
            with reproducible(self.seed + len(found), shared.inputs.device):
                net = mlp(shared.shape, shared.num_classes, Form(width, 1)).to(shared.inputs.device)
                reused = found[-1].net if found and count <= len(labels) * shared.num_classes else None
                _start(net, reused)
                self._train(net, shared, labels)
            found.append(SquareNet(net, shared))
        return found

    def _train(self, net: nn.Sequential, shared: Shared, labels: IntArray) -> None:
        learned, generator = NetPredictor(net, shared, bf16=False), Generator().manual_seed(self.seed)
        optimizer = self.optimizer.build(net.parameters())
        for raw, targets in self.training.minibatches(optimizer, shared, labels, generator):
            wanted = F.one_hot(targets, shared.num_classes).float()
            descend(optimizer, (learned.logits(raw) - wanted).square().sum(1).mean())


@torch.no_grad()
def _start(net: nn.Sequential, reused: nn.Sequential | None) -> None:
    hidden, out = net[_HIDDEN], net[_OUT]
    assert isinstance(hidden, nn.Linear)
    assert isinstance(out, nn.Linear)
    for layer in (hidden, out):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    if reused is not None:
        had, said = reused[_HIDDEN], reused[_OUT]
        assert isinstance(had, nn.Linear)
        assert isinstance(said, nn.Linear)
        for layer in (hidden, out):
            layer.weight.normal_(0.0, _FRESH_DEVIATION)
        hidden.weight[: had.out_features], hidden.bias[: had.out_features] = had.weight, had.bias
        out.weight[:, : had.out_features], out.bias[:] = said.weight, said.bias
