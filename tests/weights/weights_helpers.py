"""Random nets of few values, and both ends of a message."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from mdlcode.coding.channel import Receiver, Sender
from mdlcode.weights import WeightCode

Talk = Callable[..., np.ndarray]


def there_and_back(talk: Talk, *known: object) -> tuple[np.ndarray, np.ndarray, float, int]:
    """What Alice and Bob hold at the end, the ledger's bits and the message's."""
    sender = Sender()
    alice = talk(sender, *known)
    words = sender.words()
    bob = talk(Receiver(words), *(None for _ in known))
    return alice, bob, sender.codelength(2).total_bits, 32 * len(words)


def conv_net() -> nn.Sequential:
    return nn.Sequential(
        *[nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 5, 3), nn.GELU(), nn.Flatten(), nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 4)],
    )


def dense_net() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(32, 40), nn.ReLU(), nn.Dropout(), nn.Linear(40, 10))


def inputs() -> torch.Tensor:
    return torch.randn(50, 2, 8, 8, generator=torch.Generator().manual_seed(5))


def sparse(net: nn.Sequential, density: float, levels: int, seed: int) -> nn.Sequential:
    """The net with weights on a grid of so many levels on each side, few of them other than zero."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.ndim == 0:
                continue
            steps = rng.integers(1, levels + 1, value.shape) * rng.choice([-1, 1], value.shape)
            kept = rng.random(value.shape) < density
            kept.reshape(-1)[-1] = True
            value.copy_(torch.from_numpy(np.where(kept, steps * 0.125, 0.0)))
            if name.endswith("running_var"):
                value.copy_(value.abs() + 0.5)
    return net.eval()


def transmitted(code: WeightCode, net: nn.Module, empty: nn.Module) -> tuple[float, int]:
    """The ledger's bits and the message's; `empty` ends as Bob's net."""
    sender = Sender()
    code.transmit(sender, net)
    words = sender.words()
    code.transmit(Receiver(words), empty)
    return sender.codelength(2).total_bits, 32 * len(words)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)
