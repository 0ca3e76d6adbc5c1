"""`mdlcode encode`, `decode` and `verify`."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out
from mdlcode.errors import MessageError

if TYPE_CHECKING:
    from mdlcode.experiments.tasks import Experiment

MessageFile = Annotated[Path, typer.Argument(help="A message that `encode` wrote.")]


@o.taken
def encode(given: o.OneCode, file: o.Out) -> None:
    """Writes the message that tells the labels to whoever has the inputs."""
    from mdlcode.experiments.tasks import Experiment

    _write_message(o.read(Experiment, given), file)


def _write_message(chosen: "Experiment", file: Path) -> tuple[float, int]:
    from mdlcode.coding.message import payload_bits, unpack
    from mdlcode.config import to_config
    from mdlcode.files import write_atomically

    name, code = chosen.single_code()
    loaded = chosen.load()
    source = {"name": chosen.data, "view": to_config(chosen.view), "reading": to_config(chosen.reading)}
    with o.computing(chosen.threads, chosen.workers):
        message, transmission = code.transmitted(loaded, source)
    write_atomically(file, lambda opened: opened.write(message))
    length, coded, spare = transmission.codelength, payload_bits(message), unpack(message)[0].spare_words
    for note in transmission.received.notes:
        out.print(note, highlight=False)
    out.print(
        f"{name}: {length.total_bits:,.1f} bits reported, {coded:,} bits of message"
        f" + {len(message) - coded // 8 - 4 * spare} bytes of envelope"
        + (f" + {32 * spare:,} spare bits, lent and given back" if spare else "")
        + f" in {file}",
        highlight=False,
    )
    return length.total_bits, coded


def decode(
    data: o.DataName,
    file: MessageFile,
    labels: o.Out,
    device: o.Device = None,
    threads: o.Threads = None,
    trust: o.Trust = None,
) -> None:
    """Reads the labels out of a message into a .npy file, without opening the labels of DATA."""
    import numpy as np

    from mdlcode.codes.base import code_of
    from mdlcode.coding.message import unpack
    from mdlcode.data import View, load_shared
    from mdlcode.environment import select_device
    from mdlcode.files import write_atomically

    message = o.read_file(file, "message")
    header = unpack(message)[0]
    code, source = code_of(header, trust or ()), header.data or {}
    view = View(**source.get("view", {}))
    shared = load_shared(data, header.num_classes, view, **source.get("reading", {}))
    shared = shared.to(select_device(device or "auto"))
    with o.computing(threads, workers=1):
        decoded = code.decode(shared, message)
    write_atomically(labels, lambda opened: np.save(opened, decoded))
    out.print(f"{len(decoded):,} labels in {labels}", highlight=False)


@o.taken
def verify(given: o.OneCode) -> None:
    """Encodes, decodes in a fresh process, and holds reported bits and labels against each other."""
    import numpy as np
    import torch

    from mdlcode.config import to_config
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.proof.checks import within_tolerance
    from mdlcode.trust import names

    chosen = o.read(Experiment, given)
    with tempfile.TemporaryDirectory() as folder:
        message, labels = Path(folder) / "message", Path(folder) / "labels.npy"
        reported, sent = _write_message(chosen, message)
        command = [sys.executable, "-m", "mdlcode", "decode", chosen.data, str(message), "-o", str(labels)]
        command += ["--threads", str(torch.get_num_threads()), "--device", chosen.device]
        config_used = [to_config(code) for _, code in chosen.named_codes()]
        command += [part for name in sorted(names(config_used)) for part in ("--trust", name)]
        if subprocess.run(command, check=False).returncode != 0:
            raise MessageError("the message was not decoded: see the line above")
        same = bool(np.array_equal(np.load(labels, allow_pickle=False), chosen.load().labels))
    good = same and within_tolerance(sent, reported)
    out.print(
        f"reported {reported:,.1f} bits, message {sent:,} bits, difference {sent - reported:+,.1f} bits;"
        f" labels {'identical' if same else 'DIFFERENT'}: {'proved' if good else 'NOT PROVED'}",
        highlight=False,
    )
    if not good:
        raise typer.Exit(1)
