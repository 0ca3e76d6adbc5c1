"""Why larger nets may generalize better: the XOR detection problem (Brutzkus & Globerson 2019, arXiv 1810.03037).

An input is d patterns of +-1 in two places. Its label says whether any of them is (1, 1) or (-1, -1). The net has three
layers, N(x) = sum_i max_j relu(w_i x_j) - max_j relu(u_i x_j): a convolution of k channels w_i and k channels u_i, the
largest value over the patterns, and fixed output weights 1 and -1. Two channels of each kind are enough to solve it.
Wide nets have, at the start, a channel near each pattern (exploration), and training draws their channels to the four
patterns (clustering); the smallest net often starts without one of them.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn, optim

from mdlcode.config import STRICT, Seed
from mdlcode.data.arrays import from_arrays
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn import Learner, Predictor
from mdlcode.learn.nets.determinism import seeded
from mdlcode.learn.nets.steps import descend
from mdlcode.typing import FloatArray, IntArray

PATTERNS = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])  # the first two make the label 1
_AT_ONCE = 1024


def xor_detection(num_labels: int, patterns: int = 8, diverse: float = 0.98, seed: int = 0) -> Data:
    """So many inputs (n, 2 d) with their labels, both labels equally likely.

    A point of label 1 is diverse where it has all four patterns, one of label 0 where it has both of its two; the
    share `diverse` of each label is so. Within these sets a point's patterns are independent and uniform. Raises
    MdlError for fewer than four patterns, which leave no room, and a share outside 0 .. 1.

    >>> data = xor_detection(100, patterns=4, diverse=1.0)
    >>> x = data.shared.inputs.view(100, 4, 2)
    >>> bool((torch.from_numpy(data.labels) == (x.prod(2) > 0).any(1)).all()), data.shared.shape
    (True, (8,))
    """
    if patterns < 4 or not 0 <= diverse <= 1:
        raise MdlError(f"{patterns} patterns, {diverse:g} of the points diverse: 4 or more, and 0 to 1, are needed")
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=num_labels)
    wanted = generator.random(num_labels) < diverse
    chosen = np.zeros((num_labels, patterns), dtype=np.int64)
    missing = np.arange(num_labels)
    while len(missing):  # until each point is of its label and of its kind
        of_one = labels[missing] == 1
        drawn = generator.integers(4, size=(len(missing), patterns))
        drawn = np.where(of_one[:, None], drawn, 2 + drawn % 2)
        there = (drawn[:, :, None] == np.arange(4)).any(1)  # (m, 4)
        full = np.where(of_one, there.all(1), there[:, 2:].all(1))
        good = (there[:, :2].any(1) == of_one) & (full == wanted[missing])
        chosen[missing[good]] = drawn[good]
        missing = missing[~good]
    inputs = PATTERNS.numpy()[chosen].reshape(num_labels, -1)
    return from_arrays(inputs, labels, name="xor", num_classes=2, standardise="none", order_seed=None)


class XorNet(nn.Module):
    """N(x) (m,) of inputs (m, 2 d); `positive` (k, 2) are the channels w_i, `negative` (k, 2) the u_i.

    >>> net = XorNet(2, deviation=1.0)
    >>> net(torch.ones(3, 8)).shape
    torch.Size([3])
    """

    def __init__(self, width: int, deviation: float = 1e-3) -> None:
        """Channels from N(0, deviation^2), by torch's generator."""
        super().__init__()
        self.positive = nn.Parameter(deviation * torch.randn(width, 2))
        self.negative = nn.Parameter(deviation * torch.randn(width, 2))

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        patterns = x.view(len(x), -1, 2)
        found, against = (torch.relu(patterns @ each.T).amax(1).sum(1) for each in (self.positive, self.negative))
        return found - against


def explored(net: XorNet) -> int:
    """How many of the four patterns some channel of the right sign likes best, that is, has the largest product with.

    The first two count for `positive`, the last two for `negative`. With all four, training can find the solution
    (lemma 3.1 there: for wide nets it is so at the start).

    >>> net = XorNet(2)
    >>> net.positive.data, net.negative.data = PATTERNS[:2].clone(), PATTERNS[2:3].repeat(2, 1)
    >>> explored(net)
    3
    """
    best = [(channels.detach() @ PATTERNS.T.to(channels)).argmax(1) for channels in (net.positive, net.negative)]
    return sum(int((best[index // 2] == index).any()) for index in range(4))


def clustering(net: XorNet) -> float:
    """Mean cosine of channels with the nearest pattern of their own sign, weighted by the channels' norms.

    It is 1 where all that the net has learned lies in the four directions (lemma 3.2 there).

    >>> net = XorNet(2)
    >>> net.positive.data, net.negative.data = PATTERNS[:2].clone(), 3 * PATTERNS[2:].clone()
    >>> round(clustering(net), 6)
    1.0
    """
    near, total = 0.0, 0.0
    for channels, own in ((net.positive.detach(), PATTERNS[:2]), (net.negative.detach(), PATTERNS[2:])):
        near += float((channels @ own.T.to(channels)).amax(1).sum()) / 2**0.5
        total += float(channels.norm(dim=1).sum())
    return near / total


def centres(net: XorNet, seed: int = 0) -> XorNet:
    """The small net of four channels that are the cluster centres of a large one's, two of each sign, by k-means.

    Raises MdlError for a net of fewer than two channels of a sign.
    """
    from sklearn.cluster import KMeans  # takes a second, which nothing else here needs

    if len(net.positive) < 2:
        raise MdlError("a net of one channel has no two clusters of them: take a wider one")
    small = XorNet(2)
    for name, channels in net.named_parameters():
        found = KMeans(2, n_init=10, random_state=seed).fit(channels.detach().double().cpu().numpy())
        getattr(small, name).data = torch.from_numpy(found.cluster_centers_).float()
    return small


class XorPredictor(Predictor):
    """p(1) = 1 / (1 + exp(-N(x))); `start` is the net before its training, `loss` the hinge loss after it."""

    def __init__(self, net: XorNet, start: XorNet, loss: float) -> None:
        self.net, self.start, self.loss = net, start, loss

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, 2)."""
        found = torch.cat([self.net(part.float()) for part in torch.split(inputs, _AT_ONCE)]).double()
        probs: FloatArray = torch.stack([torch.zeros_like(found), found], 1).softmax(1).cpu().numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class XorLearner(Learner):
    """Gradient descent on the hinge loss (1/n) sum_i max(m_i - s_i N(x_i), 0), all labels at once.

    s_i is 1 and m_i is `margin` for label 1, -1 and 1 for label 0. It ends where the loss is 0, or after `max_steps`.
    With `centres_of` a net of that width is trained first, on the same labels, and the net of two channels of each sign
    starts from its cluster centres.
    """

    kind: Literal["xor-detection"] = Field(default="xor-detection", kw_only=True)
    width: int = Field(default=2, ge=1)
    centres_of: int | None = Field(default=None, ge=2)
    margin: float = Field(default=5.0, gt=0)
    deviation: float = Field(default=1e-3, gt=0)
    lr: float = Field(default=0.05, gt=0)
    max_steps: int = Field(default=1000, ge=1)
    seed: Seed = 0

    def __post_init__(self) -> None:
        if self.centres_of is not None and self.width != 2:
            raise MdlError(f"a net that starts from four cluster centres has `width` 2, not {self.width}")

    def fit(self, shared: Shared, labels: IntArray) -> XorPredictor:
        """The trained net. Raises MdlError for data that are no patterns of two places in two classes."""
        if shared.num_classes != 2 or len(shared.shape) != 1 or shared.shape[0] % 2:
            raise MdlError(f"patterns of two places and two classes are needed, not inputs of shape {shared.shape}")
        if self.centres_of is None:
            with seeded(self.seed, shared.inputs.device):
                start = XorNet(self.width, self.deviation)
        else:
            start = centres(replace(self, width=self.centres_of, centres_of=None).fit(shared, labels).net, self.seed)
        return self._trained(start.to(shared.inputs.device), shared, labels)

    def _trained(self, start: XorNet, shared: Shared, labels: IntArray) -> XorPredictor:
        net = deepcopy(start)
        inputs, targets = shared.known(labels)
        signs = 2.0 * targets - 1
        margins = torch.where(targets == 1, self.margin, 1.0)
        optimizer = optim.SGD(net.parameters(), self.lr)
        loss = torch.ones(())
        for _ in range(self.max_steps):
            loss = (margins - signs * net(inputs.float())).clamp(min=0).mean()
            if loss == 0:
                break
            descend(optimizer, loss)
        return XorPredictor(net, start, float(loss.detach()))
