"""The variational code beside pyvarinf 0.2 (`pip install pyvarinf`): same net, labels, epochs and batch size.

python benchmarks/variational_peer.py [--limit 4000 --epochs 20 --seeds 3]
pyvarinf: its own example's Adam at 0.01 and its prior of deviation 1 / sqrt(fan in), biases 0.01.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from pyvarinf import Variationalize

from mdlcode import nets
from mdlcode.bayes import BayesLearner, ExpectedLength, FreshNet
from mdlcode.bayes.expected import label_bits
from mdlcode.data import Data, View, load
from mdlcode.learn import Steps

ARCH = "lenet-small"
BATCH = 64
DRAWS = 4


def theirs(data: Data, epochs: int, seed: int) -> tuple[float, float]:
    """KL bits and mean label bits, both by the formulas of pyvarinf."""
    torch.manual_seed(seed)
    net = Variationalize(nets.build(ARCH, data.shared.shape, data.shared.num_classes))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    mean, deviation = data.shared.moments
    inputs, labels = (data.shared.inputs.float() - mean) / deviation, torch.from_numpy(data.labels)
    for _ in range(epochs):
        for batch in torch.randperm(len(data)).split(BATCH):
            loss = F.cross_entropy(net(inputs[batch]), labels[batch]) + net.prior_loss() / len(data)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        bits = [label_bits(net(inputs).double().softmax(1).numpy(), data.labels) for _ in range(DRAWS)]
        return float(net.prior_loss()) / np.log(2), float(np.mean(bits))


def ours(data: Data, epochs: int, seed: int) -> tuple[float, float]:
    learner = BayesLearner(
        FreshNet(ARCH, seed=seed), training=Steps(epochs, min_steps=1, batch_size=BATCH, warmup=0.05), seed=seed
    )
    length = ExpectedLength.of(learner.fit(data.shared, data.labels), data.shared, data.labels, DRAWS)
    return length.kl_bits + length.prior_bits, length.label_bits


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    data = load("mnist", View(limit=chosen.limit))
    for seed in range(chosen.seeds):
        for name, run in (("pyvarinf", theirs), ("mdlcode", ours)):
            begin = time.perf_counter()
            kl, labels = run(data, chosen.epochs, seed)
            seconds = time.perf_counter() - begin
            print(
                f"{name:9} seed {seed}: KL {kl:9,.0f} + labels {labels:8,.0f} = {kl + labels:9,.0f}, {seconds:5.1f} s"
            )


if __name__ == "__main__":
    main()
