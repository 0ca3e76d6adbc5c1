"""MNIST labels under prequential codes with a 2 x 256 MLP: bits and CPU seconds beside two peers, in one run.

The plain loop trains the same net with the same steps from a torchvision data set through a DataLoader;
preqtorch 0.2.0 (PyPI, optional) runs its best known setting. Set MDLCODE_DATA to a folder with MNIST.

    python benchmarks/mnist_mlp.py [--limit N] [--threads T]
"""

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, Subset, TensorDataset
from torchvision import datasets, transforms

from mdlcode import NetLearner, Prequential, View, load
from mdlcode.codes import Draws, Online, Temperature
from mdlcode.coding.smoothing import smooth
from mdlcode.data import Data
from mdlcode.data.load import data_root
from mdlcode.experiments.results import versions
from mdlcode.learn import AdamW, Sgd, Steps

LEARNER = NetLearner(
    arch="mlp-dropout", optimizer=AdamW(lr=2e-3, weight_decay=0.05), training=Steps(epochs=20, min_steps=100)
)


FAST = NetLearner(
    arch="mlp", optimizer=AdamW(lr=4e-3, weight_decay=0.1), training=Steps(epochs=5, min_steps=50, batch_size=256)
)


def replayed(replays: int = 1, size: int = 32) -> Online:
    """One pass over the labels."""
    return Online(
        arch="mlp-2x256",
        first=16,
        batch_size=256,
        replay=Draws(replays, size=size),
        optimizer=Sgd(lr=0.07),
        ema_decay=0.9,
    )


def plain_loop(limit: int) -> float:
    """Bits of the same code, written as the loop that everybody writes."""
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    mnist = datasets.MNIST(str(data_root()), train=True, transform=normalise)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(mnist))[:limit].tolist()
    code, bits = Prequential((LEARNER,)), 8 * math.log2(10)
    for start, stop in pairwise(code.schedule.stops(limit)):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), *_hidden(784), *_hidden(256), nn.Linear(256, 10))
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
        size, steps = min(128, start), LEARNER.steps(start)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_falling, steps))
        past = Subset(mnist, order[:start])
        sampler = RandomSampler(past, num_samples=size * steps, replacement=True)
        for inputs, labels in DataLoader(past, size, sampler=sampler):
            optimizer.zero_grad()
            F.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
            scheduler.step()
        net.eval()
        with torch.no_grad():
            for inputs, labels in DataLoader(Subset(mnist, order[start:stop]), 1000):
                rows = smooth(net(inputs).double().softmax(1).numpy())
                bits -= float(np.log2(rows[np.arange(len(labels)), labels.numpy()]).sum())
    return bits


def preqtorch_streams(data: Data, replays: int = 2, batch_size: int = 32) -> float:
    """Bits that preqtorch's replay-stream encoder gives; its best known setting has two streams, batches of 32."""
    import preqtorch

    inputs = ((data.shared.inputs.float() / 255 - 0.1307) / 0.3081).flatten(1)
    loader = DataLoader(TensorDataset(inputs, torch.from_numpy(data.labels)), batch_size=batch_size, shuffle=False)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(
                *[nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)]
            )

        def forward(self, batch: list[torch.Tensor]) -> torch.Tensor:
            out: torch.Tensor = self.net(batch[0])
            return out

    def loss_bits(batch: list[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(output, batch[1], reduction="none") / math.log(2)

    encoder = preqtorch.MIREncoder(preqtorch.ModelClass(Net, "cpu"), device="cpu")
    options = {"use_beta": True, "use_ema": True, "replay_type": "streams", "shuffle": False}
    result = encoder.encode(
        loader,
        "mnist",
        n_replay_samples=replays,
        loss_fn=loss_bits,
        learning_rate=1e-3,
        seed=0,
        alpha=0.1,
        **options,
    )
    return float(result.code_length)


def _falling(steps: int, step: int) -> float:
    return 1 - step / steps


def _hidden(width: int) -> list[nn.Module]:
    return [nn.Linear(width, 256), nn.ReLU(), nn.Dropout(0.5)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load("mnist", View(limit=options.limit))
    replays = (1, 32) if options.limit < 8192 else (3, 64)
    rows: list[tuple[str, Callable[[], float]]] = [
        ("mdlcode", lambda: Prequential((LEARNER,)).codelength(data).total_bits),
        ("mdlcode, calibrated", lambda: _calibrated(LEARNER).codelength(data).total_bits),
        ("mdlcode, fast", lambda: _calibrated(FAST).codelength(data).total_bits),
        ("mdlcode, replayed", lambda: replayed(*replays).codelength(data).total_bits),
        ("plain DataLoader loop", lambda: plain_loop(options.limit)),
        ("preqtorch 0.2.0, streams", lambda: preqtorch_streams(data)),
    ]
    print(f"MNIST, {options.limit} labels, {options.threads} thread(s), versions {versions()}")
    ours = None
    for name, run in rows:
        begin = time.process_time()
        try:
            bits = run()
        except ImportError as error:
            print(f"{name:25s} not run: {error}")
            continue
        seconds = time.process_time() - begin
        ours = ours or seconds
        print(f"{name:25s} {bits:10.1f} bits {seconds:8.1f} s  {seconds / ours:5.2f} x", flush=True)


def _calibrated(learner: NetLearner) -> Prequential:
    return Prequential((learner,), calibration=Temperature())


if __name__ == "__main__":
    main()
