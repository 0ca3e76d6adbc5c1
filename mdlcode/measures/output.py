"""What the outputs on the training inputs say: loss, entropy, margin; and what another seed would predict."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained

_PERCENTILE = 0.1


def output_margins(trained: Trained) -> Tensor:
    """f_y - max over other classes (n,) of the training inputs' logits: negative where the label is missed."""
    chosen = trained.logits.gather(1, trained.targets[:, None])[:, 0]
    others = trained.logits.scatter(1, trained.targets[:, None], -math.inf)
    return chosen - others.amax(1)


def margin(trained: Trained) -> float:
    """The 10th percentile of the output margins, robust as in Jiang et al. 2020."""
    return float(torch.quantile(output_margins(trained), _PERCENTILE))


@dataclass(frozen=True)
class CrossEntropy(Measure):
    """The training loss in nats. Its sign is that of a net that fits badly; with a gap it is mostly the other way."""

    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """Mean cross-entropy of the training labels."""
        return Value(trained.loss)


@dataclass(frozen=True)
class NegativeEntropy(Measure):
    """The negative mean entropy in nats of the predicted distributions (Pereyra et al. 2017)."""

    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """Mean over the training inputs of sum_k p_k ln p_k."""
        logs = trained.logits.double().log_softmax(1)
        return Value(float((logs.exp() * logs).sum(1).mean()))


@dataclass(frozen=True)
class InverseMargin(Measure):
    """1 / margin^2, the margin being the 10th percentile of the outputs' (Jiang et al. 2020)."""

    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """The inverse square; none where over 10 % of the labels are missed."""
        least = margin(trained)
        if least <= 0:
            return Value(math.nan, reason="the margin is not positive: over 10 % of the training labels are missed")
        return Value(1 / least**2)


@dataclass(frozen=True)
class Disagreement(Measure):
    """On how many unlabelled inputs two seeds of one training disagree (Jiang et al. 2022): an estimate of test error.

    The inputs are the test set's, whose labels are not looked at.
    """

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("twin",)

    def of(self, trained: Trained) -> Value:
        """The share of test inputs with different likeliest classes, and its standard error."""
        if trained.data.test_inputs is None:
            return Value(math.nan, reason="needs test inputs")
        assert trained.twin is not None
        twin = Trained(trained.twin, trained.data)
        inputs = torch.split(trained.standardised(trained.data.test_inputs), 1000)
        with torch.no_grad():
            same = torch.cat([trained.net(part).argmax(1) == twin.net(part).argmax(1) for part in inputs])
        share = 1 - float(same.double().mean())
        return Value(share, math.sqrt(share * (1 - share) / len(same)))
