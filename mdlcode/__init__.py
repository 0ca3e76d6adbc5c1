"""Description lengths of labels given inputs, with deep models: codes, messages that decode, bounds.

The names below are imported when they are first used, so that `mdlcode --help` starts without torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mdlcode import progress as progress  # for `mdlcode.progress.quiet()`

if TYPE_CHECKING:
    from mdlcode.codelength import Codelength
    from mdlcode.codes import BestOf, Code, Compressed, Prequential, Received, Subspace, TwoPart, Uniform
    from mdlcode.codes.base import decode
    from mdlcode.codes.presets import preset
    from mdlcode.codes.variational import Variational
    from mdlcode.coding.channel import Channel
    from mdlcode.config import from_config, to_config
    from mdlcode.data import Bins, Data, Shared, View, from_arrays, from_dataset, from_text, load
    from mdlcode.errors import MdlError, MessageError, TrainingError
    from mdlcode.experiments.compare import compare
    from mdlcode.finished import cached
    from mdlcode.learn import AnyLearner, EstimatorLearner, Learner, NetLearner, Predictor, Steps
    from mdlcode.proof.checks import audit, check_code
    from mdlcode.proof.proof import Proof
    from mdlcode.proof.prove import prove
    from mdlcode.weights import WeightCode

# Threads that wait sleep, and leave the core to others: spinning ones make a busy machine many times slower. OpenMP
# reads these as torch starts: of GNU (torch's own) the first, of LLVM and Intel, whose threads spin on, the second.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")
# Read by cuBLAS as it starts; without it torch refuses products of matrices where bits must repeat.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

_HOMES = {
    "mdlcode.codelength": ("Codelength",),
    "mdlcode.codes": ("BestOf", "Code", "Compressed", "Prequential", "Received", "Subspace", "TwoPart", "Uniform"),
    "mdlcode.codes.base": ("decode",),
    "mdlcode.proof.checks": ("audit", "check_code"),
    "mdlcode.proof.proof": ("Proof",),
    "mdlcode.proof.prove": ("prove",),
    "mdlcode.codes.presets": ("preset",),
    "mdlcode.codes.variational": ("Variational",),
    "mdlcode.coding.channel": ("Channel",),
    "mdlcode.config": ("from_config", "to_config"),
    "mdlcode.data": ("Bins", "Data", "Shared", "View", "from_arrays", "from_dataset", "from_text", "load"),
    "mdlcode.errors": ("MdlError", "MessageError", "TrainingError"),
    "mdlcode.experiments.compare": ("compare",),
    "mdlcode.finished": ("cached",),
    "mdlcode.learn": ("AnyLearner", "EstimatorLearner", "Learner", "NetLearner", "Predictor", "Steps"),
    "mdlcode.weights": ("WeightCode",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AnyLearner",
    "BestOf",
    "Bins",
    "Channel",
    "Code",
    "Codelength",
    "Compressed",
    "Data",
    "EstimatorLearner",
    "Learner",
    "MdlError",
    "MessageError",
    "NetLearner",
    "Predictor",
    "Prequential",
    "Proof",
    "Received",
    "Shared",
    "Steps",
    "Subspace",
    "TrainingError",
    "TwoPart",
    "Uniform",
    "Variational",
    "View",
    "WeightCode",
    "audit",
    "cached",
    "check_code",
    "compare",
    "decode",
    "from_arrays",
    "from_config",
    "from_dataset",
    "from_text",
    "load",
    "preset",
    "prove",
    "to_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mdlcode' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)
