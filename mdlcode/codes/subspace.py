"""The subspace code: a few coordinates of the net's weights, then the labels under its predictions."""

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import parallel, progress
from mdlcode.codelength import CHOICE
from mdlcode.codes.base import Code, Received
from mdlcode.coding.channel import Channel, Ledger
from mdlcode.coding.integers import send_choice, send_float16
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn import Real, SubspaceLearner, parse_learner
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.subspace.learner import settle
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights.masks import UNORDERED
from mdlcode.weights.quantisers import LARGEST, Alphabet, grid, send_alphabet, symbols_of
from mdlcode.weights.symbols import Adaptive


@dataclass(frozen=True, config=STRICT)
class Subspace(Code):
    """L(v) + sum_i -log2 p_theta(y_i | x_i) with theta = theta0(seed) + P(seed) v, v in whole steps.

    Li et al. 2018 count 32 bits a coordinate; here they take an adaptive code of the whole numbers of
    steps. Of several learners the one with the shortest total is sent, which costs log2 of their number.
    """

    kind: Literal["subspace"] = Field(default="subspace", kw_only=True)
    learners: tuple[Annotated[SubspaceLearner, BeforeValidator(parse_learner)], ...] = Field(
        default=(SubspaceLearner(),), min_length=1
    )

    @property
    def sends_net(self) -> bool:
        """True: the net's coordinates are decoded before any label."""
        return True

    def __post_init__(self) -> None:
        if any(isinstance(each.coordinates, Real) for each in self.learners):
            raise MdlError("real coordinates take no finite number of bits: use `coordinates: {kind: stepped}`")

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Which learner, its coordinates, then all labels."""
        progress.start("subspace", sum(each.steps(len(shared)) for each in self.learners))
        if labels is None:
            learned = self.learners[send_choice(channel, None, len(self.learners), CHOICE)].initial(shared)
            return _transmit(channel, learned, shared, None)
        pending = [parallel.submit(each.fit, shared, labels) for each in self.learners]
        fits = [each.result() for each in pending]
        best = int(np.argmin([_bits(fit, shared, labels) for fit in fits])) if len(fits) > 1 else 0
        send_choice(channel, best, len(fits), CHOICE)
        return _transmit(channel, fits[best], shared, labels)


def _bits(learned: NetPredictor, shared: Shared, labels: IntArray) -> float:
    ledger = Ledger()
    _transmit(ledger, learned, shared, labels)
    return ledger.codelength(shared.num_classes).total_bits


def _transmit(channel: Channel, learned: NetPredictor, shared: Shared, labels: IntArray | None) -> Received:
    assert isinstance(learned.net, SubspaceNet)
    send_coordinates(channel, learned.net)
    settle(learned, shared)
    return Received(channel.send(labels, learned.predict(shared.inputs)), learned)


@torch.no_grad()
def send_coordinates(channel: Channel, net: SubspaceNet) -> None:
    """On both sides `net` ends with the decoded coordinates: scale of the logits, then group by group.

    Parts: "scale", "steps", and for the whole numbers "masks" and "values".
    """
    scale = net.log_scale.double().cpu().numpy()[None] if channel.sending else None
    net.log_scale.copy_(torch.from_numpy(send_float16(channel, scale, 1, "scale"))[0])
    sent = []
    parts = net.by_group(net.values().double().cpu())
    for part, step in zip(parts, net.log_steps.double().exp().tolist(), strict=True):
        values = part.numpy() if channel.sending else None
        known = None if values is None else _grid(values, step)
        alphabet = send_alphabet(channel, known, "steps")
        symbols = None if values is None or known is None else symbols_of(values, known)
        decoded = Adaptive().transmit(channel, symbols, tuple(part.shape), alphabet, UNORDERED)
        sent.append(torch.from_numpy(alphabet.values[decoded]))
    net.fix(torch.cat(sent))


def _grid(values: FloatArray, step: float) -> Alphabet:
    furthest = int(np.abs(values / step).round().max())
    if furthest > LARGEST:
        raise MdlError(f"a coordinate lies {furthest} steps from zero, over {LARGEST}: name a larger `step`")
    return grid(step, furthest)
