"""A net that no label has trained, as the start of an inference."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Seed
from mdlcode.data.base import Shared
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, Precision, new_net
from mdlcode.nets.arch import Arch
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class FreshNet(NetTrainer):
    """A net of random weights: posterior means start from these, deviations at `sd`, prior scales at twice that.

    `arch` "auto" is "lenet-patches" for images and "mlp-small" for plain features.
    """

    kind: Literal["fresh"] = Field(default="fresh", kw_only=True)
    arch: Arch = "auto"
    sd: float = Field(default=0.05, gt=0)
    precision: Precision = "fp32"
    seed: Seed = 0

    def architecture(self) -> Arch:
        """`arch`."""
        return self.arch

    def steps(self, num_labels: int) -> int:
        """None."""
        return 0

    def initial(self, shared: Shared) -> NetPredictor:
        """The net."""
        arch = self.arch if self.arch != "auto" else "lenet-patches" if shared.inputs.ndim == 4 else "mlp-small"
        net, bf16 = new_net(arch, shared, self.seed, self.precision)
        return NetPredictor(net, shared, bf16)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net as it is: the labels are not looked at."""
        return self.initial(shared)
