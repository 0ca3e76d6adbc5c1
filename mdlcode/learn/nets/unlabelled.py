"""Learning from inputs without labels: Alice and Bob both hold all of them, so they cost no bits."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode.config import STRICT, Settings
from mdlcode.learn.nets.augment import Augment
from mdlcode.learn.nets.determinism import sent
from mdlcode.learn.nets.predictor import NetPredictor


@dataclass(frozen=True, config=STRICT)
class FixMatch(Settings):
    """Consistency on unlabelled inputs (Sohn et al. 2020, arXiv 2001.07685).

    Each step also takes `batch_size` inputs of the whole set: where the net is sure of an input as it is
    (probability at least `threshold`), its augmented form is trained to the same class. Before that the
    predictions are divided by their running mean, so that no class is left out (distribution alignment).
    """

    kind: Literal["fixmatch"] = Field(default="fixmatch", kw_only=True)
    batch_size: int = Field(default=256, ge=1, le=2**16)
    threshold: float = Field(default=0.95, gt=0, lt=1)
    weight: float = Field(default=1.0, gt=0)


class Consistency:
    """The running part of `FixMatch` in one training."""

    def __init__(self, config: FixMatch, inputs: Tensor, num_classes: int, augment: Augment) -> None:
        self._config, self._inputs, self._augment = config, inputs, augment
        self.mean = torch.full((num_classes,), 1.0 / num_classes, device=inputs.device)

    def loss(
        self, learned: NetPredictor, raw: Tensor, targets: Tensor, generator: Generator, label_smoothing: float
    ) -> Tensor:
        """Cross-entropy of the labelled batch `raw`, its labels smoothed, plus that of a random unlabelled one.

        All go through the net in one batch, so that batch norm sees one distribution.
        """
        size = self._config.batch_size
        drawn = sent(torch.randint(len(self._inputs), (size,), generator=generator), raw.device)
        plain = self._inputs[drawn].float()
        logits = learned.logits(torch.cat([raw, plain, self._augment.apply(plain, generator)]))
        labelled, weak, strong = torch.split(logits, [len(raw), size, size])
        sure, pseudo = self._aligned(weak.detach().softmax(1)).max(1)
        taken = (sure >= self._config.threshold).float()
        consistency = (F.cross_entropy(strong, pseudo, reduction="none") * taken).mean()
        supervised = F.cross_entropy(labelled, targets, label_smoothing=label_smoothing)
        return supervised + self._config.weight * consistency

    def _aligned(self, probs: Tensor) -> Tensor:
        self.mean.copy_(0.99 * self.mean + 0.01 * probs.mean(0))
        aligned = probs / self.mean
        return aligned / aligned.sum(1, keepdim=True)
