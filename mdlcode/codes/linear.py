"""Bayesian linear regression as a code: each target under what those before it say."""

from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.codelength import LABELS
from mdlcode.codes.base import Code, Received
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.features import standardised
from mdlcode.learn.linear import SIGNALS, LinearMixture, LinearPredictor, require_bins
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class Linear(Code):
    """sum_t -log2 p(y_t | x_1 .. x_t, y_1 .. y_{t-1}), Student's t of Bayesian linear regression, for real targets.

    As the bins get narrow it is -log2 of the targets' marginal likelihood, plus n log2(1 / precision): that of y =
    x w + e with e ~ N(0, s^2), w ~ N(0, s^2 g / d) and an inverse gamma prior of s^2, mixed over `signals` g, which
    costs log2 of their number at most. No label is sent uniformly, and no setting is learned.
    """

    kind: Literal["linear"] = Field(default="linear", kw_only=True)
    signals: tuple[float, ...] = Field(default=SIGNALS, min_length=1)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Label by label: predict, send, learn. Raises MdlError where labels are classes."""
        require_bins(shared, "code 'linear'")
        features = standardised(shared.inputs, shared)
        mixture = LinearMixture(features.shape[1], shared.num_classes, self.signals)
        sent = np.zeros(len(shared), dtype=np.int64)
        for i in range(len(shared)):
            model = mixture.model(features[i : i + 1])
            sent[i : i + 1] = channel.send_under(None if labels is None else labels[i : i + 1], model, LABELS)
            mixture.learn(features[i : i + 1], int(sent[i]), model)
        return Received(sent, LinearPredictor(mixture, shared))
