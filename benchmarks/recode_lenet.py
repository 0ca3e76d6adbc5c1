"""The published LeNet-5 of Zhou et al. 2019 in fewer bytes: sizes, seconds, and all 70,000 predictions.

Each code writes a file; a new net is decoded from that file alone, and its predictions on MNIST's train
and test images are held against those of the published weights. The file is the message's words: both
sides know code and architecture. Set MDLCODE_DATA to a folder with zhou_lenet5.npz and MNIST.

    python benchmarks/recode_lenet.py [--no-predictions]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode import load
from mdlcode.coding.channel import Receiver, Sender
from mdlcode.data.load import data_root
from mdlcode.nets import build
from mdlcode.weights import AsTrained, Entropy, FixedWidth, Gaps, Quantised, WeightCode, general_compressors

PUBLISHED = {"Zhou et al. 2019, their own code": 8217, "DeepCABAC (nncodec 2.1.3)": 6491}
TENSORS = [f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc1", "fc2") for kind in ("weight", "bias")]
CODES = {
    "fixed width, live units": Quantised(AsTrained(), FixedWidth(), units="live"),
    "gaps, as stored": Quantised(AsTrained(), Gaps(), units="all"),
    "entropy, as stored": Quantised(AsTrained(), Entropy(), units="all"),
    "adaptive, as stored": Quantised(AsTrained(), units="all"),
    "entropy, live units": Quantised(AsTrained(), Entropy(), units="live"),
    "adaptive, live units": Quantised(AsTrained(), units="live"),
    "adaptive, sorted units": Quantised(AsTrained(), units="sorted"),
}
BEST = "adaptive, sorted units"
ROUNDS = 5


def new_net() -> nn.Module:
    return build("lenet5", (1, 28, 28), 10)


def published_net() -> nn.Module:
    net = new_net()
    with np.load(data_root() / "zhou_lenet5.npz") as stored:
        for name, tensor in zip(TENSORS, net.state_dict().values(), strict=True):
            tensor.copy_(torch.from_numpy(stored[name]))
    return net


def images() -> Tensor:
    """All 70,000 images (n, 1, 28, 28), pixels from -1 to 1."""
    data = load("mnist")
    assert data.test_inputs is not None
    pixels = torch.cat([data.shared.inputs, data.test_inputs]).float()
    return pixels / 127.5 - 1


@torch.no_grad()
def predictions(net: nn.Module, inputs: Tensor) -> Tensor:
    return torch.cat([net(chunk).argmax(1) for chunk in inputs.split(1000)])


def seconds(call: Callable[[nn.Module], object], new: Callable[[], nn.Module]) -> float:
    """The least of several rounds on a new net each: other work on the machine only adds to it."""
    taken = []
    for _ in range(ROUNDS):
        net = new()
        start = time.perf_counter()
        call(net)
        taken.append(time.perf_counter() - start)
    return min(taken)


def encoded(code: WeightCode, net: nn.Module) -> bytes:
    sender = Sender()
    code.transmit(sender, net)
    return sender.words().astype("<u4").tobytes()


def decoded(code: WeightCode, path: Path, net: nn.Module) -> nn.Module:
    code.transmit(Receiver(np.frombuffer(path.read_bytes(), dtype="<u4").astype(np.uint32)), net)
    return net


def print_by_tensor(code: Quantised) -> None:
    sizes, state = code.sizes(published_net()), published_net().state_dict()
    raw = {name: tensor.numpy().tobytes() for name, tensor in state.items()}
    others = general_compressors()
    parts = ("units", "levels", "masks", "values")
    print(f"bytes by tensor ({BEST})")
    print(f"{'':14}{'float32':>9}" + "".join(f"{name:>8}" for name in (*others, *parts, "sum")))
    shown = ["(units)", *TENSORS]
    for label, (name, bits) in zip(shown, sizes.items(), strict=True):
        general = [f"{len(pack(raw[name])):8}" if name in raw else f"{'':8}" for pack in others.values()]
        ours = [bits.get(part, 0.0) / 8 for part in parts]
        numbers = "".join(f"{each:8.1f}" for each in (*ours, sum(ours)))
        print(f"{label:14}{len(raw.get(name, b'')):9}{''.join(general)}{numbers}")
    whole = b"".join(raw.values())
    print(f"{'all':14}{len(whole):9}" + "".join(f"{len(pack(whole)):8}" for pack in others.values()), end="")
    sums = [sum(bits.get(part, 0.0) for bits in sizes.values()) / 8 for part in parts]
    print("".join(f"{each:8.1f}" for each in (*sums, sum(sums))), end="\n\n")


def main(check: bool) -> None:
    torch.set_num_threads(1)
    print_by_tensor(CODES[BEST])
    inputs = images() if check else torch.zeros(1, 1, 28, 28)
    truth = predictions(published_net(), inputs)
    print(f"{'file, decoded from its bytes alone':36}{'bytes':>8}{'encode':>10}{'decode':>10}  predictions")
    for name, size in PUBLISHED.items():
        print(f"{name:36}{size:8}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.words"
        for name, code in CODES.items():
            path.write_bytes(encoded(code, published_net()))
            times = seconds(partial(encoded, code), published_net), seconds(partial(decoded, code, path), new_net)
            same = int((predictions(decoded(code, path, new_net()), inputs) == truth).sum())
            verdict = f"{same:,} of {len(truth):,} equal" if check else "not checked"
            spent = "".join(f"{each * 1e3:7.0f} ms" for each in times)
            print(f"{name:36}{path.stat().st_size:8}{spent}  {verdict}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--no-predictions", action="store_true", help="sizes and seconds alone; needs no MNIST")
    main(check=not parser.parse_args().no_predictions)
