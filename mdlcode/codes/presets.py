"""The named codes of the command, and how a net, a seed or a list of nets changes any code."""

import difflib
from dataclasses import replace

from mdlcode.bayes import BayesLearner, KlWeight, Rates, Refinement, SparsePrior
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes.base import Code
from mdlcode.codes.best_of import BestOf
from mdlcode.codes.calibration import Temperature
from mdlcode.codes.compressed import Compressed
from mdlcode.codes.frequencies import Frequencies
from mdlcode.codes.linear import Linear
from mdlcode.codes.online import Online
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.schedule import NAMED, Geometric
from mdlcode.codes.subspace import Subspace
from mdlcode.codes.two_part import TwoPart
from mdlcode.codes.uniform import Uniform
from mdlcode.codes.variational import Variational
from mdlcode.config import from_config, replaced, shifted_seeds
from mdlcode.errors import MdlError
from mdlcode.learn import (
    AdamW,
    CheckpointedLearner,
    EstimatorLearner,
    FrequencyLearner,
    LinearLearner,
    NetLearner,
    QuantileLearner,
    RateAware,
    RegressorLearner,
    Steps,
    SubspaceLearner,
    UniformLearner,
)
from mdlcode.validation import shown

NET = NetLearner(optimizer=AdamW(lr=4e-3, weight_decay=0.05), training=Steps(min_steps=40, batch_size=64))
# Prequential codes take more steps on few labels, and train again for every half more labels.
LONGER, FINER = replace(NET, training=Steps(min_steps=80, batch_size=64)), Geometric(ratio=1.5)
READOUTS = (
    NetLearner(arch="linear", optimizer=AdamW(lr=4e-3, weight_decay=0.05)),
    NetLearner(arch="mlp"),
    EstimatorLearner("sklearn.linear_model:LogisticRegression"),
    EstimatorLearner("sklearn.neighbors:KNeighborsClassifier", (("n_neighbors", 1),)),
)
# Nets without batch norms, whose statistics a subspace would have to send.
SUBSPACES = tuple(
    SubspaceLearner(
        arch=arch,
        dimension=300,
        optimizer=AdamW(lr=0.1, weight_decay=0.0),
        training=Steps(epochs=30, batch_size=64),
    )
    for arch in ("small", "mlp-1x100")
)
SPARSE = BayesLearner(
    start=RateAware(replace(NET, arch="small"), training=Steps(epochs=10, min_steps=1000, warmup=0.05)),
    prior=SparsePrior(),
    training=Steps(epochs=20, min_steps=1000, warmup=0.05),
    rates=Rates(lr=3e-3),
    kl=KlWeight(start=1.0, annealing=0.0),
)

# Densities are off by far larger factors than classes' probabilities: a net that knows few labels by heart is too sure.
SCALES = Temperature(temperatures=(0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 8.0, 14.0, 25.0, 50.0, 100.0), width=2.0)
REAL_NET = replace(NET, training=Steps(epochs=30.0, min_steps=30, batch_size=64))

PRESETS: dict[str, Code] = {
    "uniform": Uniform(),
    "frequencies": Frequencies(),
    "float32": TwoPart(NET),
    "compressed": Compressed(RateAware(replace(NET, arch="small"))),
    "subspace": BestOf(tuple(Subspace(each) for each in SUBSPACES)),
    "prequential": Prequential((LONGER,), FINER, Temperature()),
    # The checkpoints of one training, and what bounds the loss where nets fail.
    "switch": Prequential(
        (CheckpointedLearner(LONGER), READOUTS[2], UniformLearner(), FrequencyLearner()),
        FINER,
        Temperature(),
    ),
    "online": Online(),
    "variational": Variational(SPARSE, BitsBack(refinement=Refinement())),
    # For frozen features: Voita & Titov 2020, with the readouts switched as in Li et al. 2023.
    "readout": Prequential(READOUTS, schedule=NAMED["probing"], calibration=Temperature()),
}


# For real-valued targets in place of those above; the others serve both.
REAL_PRESETS: dict[str, Code] = {
    "linear": Linear(),
    "prequential": Prequential((REAL_NET,), calibration=SCALES),
    "switch": Prequential(
        (
            CheckpointedLearner(REAL_NET),
            LinearLearner(),
            RegressorLearner("sklearn.neighbors:KNeighborsRegressor", (("n_neighbors", 10), ("weights", "distance"))),
            QuantileLearner(),
            FrequencyLearner(),
        ),
        calibration=SCALES,
    ),
    "online": Online(calibration=SCALES),
    "readout": Prequential(
        (
            replace(REAL_NET, arch="linear"),
            REAL_NET,
            LinearLearner(),
            RegressorLearner("sklearn.neighbors:KNeighborsRegressor", (("n_neighbors", 10), ("weights", "distance"))),
        ),
        schedule=NAMED["probing"],
        calibration=SCALES,
    ),
}


def suited(named: list[tuple[str, Code]], real: bool) -> list[tuple[str, Code]]:
    """The codes; where targets are real numbers, those of presets as they suit these, and `linear` beside all others.

    >>> [name for name, _ in suited(list(PRESETS.items()), real=True)][-1], suited([("uniform", Uniform())], real=True)
    ('linear', [('uniform', Uniform(kind='uniform'))])
    """
    if not real:
        return named
    if named == list(PRESETS.items()):
        named = list((PRESETS | REAL_PRESETS).items())
    return [(name, REAL_PRESETS.get(name, code) if code == PRESETS.get(name) else code) for name, code in named]


def preset(name: str, real: bool = False) -> Code:
    """The code of that name, or of a class of one's own by `package.module:Class`, as it is by default.

    With `real` it is the one for real-valued targets.

    Raises MdlError for an unknown name, with the nearest, and for a class that can't be imported.

    >>> preset("uniform")
    Uniform(kind='uniform')
    """
    if not isinstance(name, str):
        raise MdlError(f"a code is {shown(name)}: a code or the name of one is needed")
    if ":" in name:
        return from_config({"kind": name}, Code, "code")
    if name not in PRESETS | REAL_PRESETS:
        near = difflib.get_close_matches(name, PRESETS | REAL_PRESETS, n=1)
        names = ", ".join(PRESETS | REAL_PRESETS)
        hint = f"did you mean '{near[0]}'?" if near else f"names: {names}, or package.module:Class"
        raise MdlError(f"no code named '{name}': {hint}")
    return REAL_PRESETS[name] if name not in PRESETS or (real and name in REAL_PRESETS) else PRESETS[name]


def adapted(code: Code, archs: list[str], seed: int) -> Code:
    """The code with `seed` added to all its seeds, and its "auto" and "small" nets replaced by the one named.

    With several nets it becomes the best of the codes with each, which pays log2 m bits for the choice.

    >>> adapted(preset("prequential"), ["lenet5"], seed=1).learners[0].arch
    'lenet5'
    """
    codes = [_with_arch(shifted_seeds(code, seed), arch) for arch in archs]
    return BestOf(tuple(codes)) if len(set(codes)) > 1 else codes[0]


def _with_arch(code: Code, arch: str) -> Code:
    return code if arch == "auto" else replaced(code, "arch", lambda old: arch if old in ("auto", "small") else old)
