"""Normalised margins: how far training examples are, layer by layer, from the next class (Jiang et al. 2019)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError
from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained
from mdlcode.typing import FloatArray

STATISTICS = ("lower-fence", "q1", "median", "q3", "upper-fence")
PLACES = ("input", "first", "last")
_BATCH = 500


@dataclass(frozen=True)
class Margin(Measure):
    """One of five statistics of the normalised margins at one place of the net.

    d(x) = (f_y - f_j) / ||grad_h (f_y - f_j)||, j the likeliest other class, h what the place puts out, over the root
    of the total variance of h. Places: the standardised input, the first weight layer's and the last hidden weight
    layer's pre-activations, so that nets of every depth have the same ones. Examples whose label is missed have
    negative margins and stay. Where h moves no class, as behind ReLUs that are all off, the margin is infinite. The
    fences are q1 - 1.5 (q3 - q1) and q3 + 1.5 (q3 - q1), no further out than the data. A predictor of the gap is
    fitted to all of these when models are ranked.
    """

    place: str
    statistic: str
    sign: ClassVar[int] = -1

    def of(self, trained: Trained) -> Value:
        """The statistic; none for a net without hidden layers at the places that ask for one, or if it is infinite."""
        five = _summaries(trained).get(self.place)
        if five is None:
            return Value(math.nan, reason=f"the net has no weight layer at '{self.place}'")
        value = float(five[STATISTICS.index(self.statistic)])
        if not math.isfinite(value):
            return Value(math.nan, reason=f"infinite: what many inputs put out at '{self.place}' moves no class")
        return Value(value)


def normalised_margins(trained: Trained, place: str) -> FloatArray:
    """The margins (n,) of all training examples at a place, some infinite.

    Raises MdlError where the net has no such layer.
    """
    layer = _layer(trained.net, place)
    margins, outputs = [], []
    batches = zip(torch.split(trained.inputs, _BATCH), torch.split(trained.targets, _BATCH), strict=True)
    for x, y in batches:
        gap, slope, h = _one_batch(trained.net, layer, x, y)
        margins.append(gap.double() / slope.double().flatten(1).norm(dim=1))
        outputs.append(h.flatten(1).double())
    found: FloatArray = (torch.cat(margins) / torch.cat(outputs).var(0).sum().sqrt()).cpu().numpy()
    return found


def five_numbers(values: FloatArray) -> FloatArray:
    """Lower fence, quartiles and upper fence (5,), not finite where too many of the values are not.

    >>> five_numbers(np.arange(5.0)), five_numbers(np.array([-np.inf, 1, 2, 3, 4]))
    (array([0., 1., 2., 3., 4.]), array([-2.,  1.,  2.,  3.,  4.]))
    """
    with np.errstate(invalid="ignore"):  # between two infinite values
        q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
        reach = 1.5 * (q3 - q1)
    return np.array([max(values.min(), q1 - reach), q1, median, q3, min(values.max(), q3 + reach)])


def _one_batch(net: nn.Module, layer: nn.Module | None, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f_y - f_j (m,), its gradient at the place (m, ...), and what the place puts out."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    hook = None if layer is None else layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            start = x.detach().requires_grad_(layer is None)
            logits = net(start)
            chosen = logits.gather(1, y[:, None])[:, 0]
            other = logits.scatter(1, y[:, None], -math.inf).amax(1)
            gap = chosen - other
            at = start if layer is None else seen[0]
            # In evaluation mode examples do not mix, so that one backward pass has every example's own gradient.
            [slope] = torch.autograd.grad(gap.sum(), [at])
    finally:
        if hook is not None:
            hook.remove()
    return gap.detach(), slope, at.detach()


def _layer(net: nn.Module, place: str) -> nn.Module | None:
    if place == "input":
        return None
    layers = [each for each in net.modules() if isinstance(each, nn.Linear | nn.Conv2d | nn.Conv1d)]
    if len(layers) < 2:
        raise MdlError("the net has no hidden weight layer")
    return layers[0] if place == "first" else layers[-2]


def _summaries(trained: Trained) -> dict[str, FloatArray]:
    """The five numbers of each place that the net has; worked out once for a net."""
    cached: dict[str, FloatArray] | None = trained.__dict__.get("_margins")
    if cached is None:
        cached = {}
        for place in PLACES:
            try:
                cached[place] = five_numbers(normalised_margins(trained, place))
            except MdlError:
                continue
        trained.__dict__["_margins"] = cached
    return cached
