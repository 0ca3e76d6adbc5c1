"""The codes of Blier & Ollivier 2018 at each scale: `smoke`, `cpu` on two cores, `full` on a GPU."""

from dataclasses import replace

from mdlcode.bayes import BayesLearner, KlWeight, Rates, Refinement, ScaleMixture, SparsePrior
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.priors import Prior
from mdlcode.codes import Code, Geometric, Prequential, Temperature, TwoPart, Uniform
from mdlcode.codes.compressed import Compressed
from mdlcode.codes.subspace import Subspace
from mdlcode.codes.variational import Variational
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    Crop,
    EnsembleLearner,
    EstimatorLearner,
    FrequencyLearner,
    Muon,
    NetLearner,
    Prediction,
    RateAware,
    Regularisation,
    StagedLearner,
    Steps,
    SubspaceLearner,
    UniformLearner,
    Views,
)

ARCHS = {"MLP": "mlp-512", "shallow": "shallow", "tinyCNN": "tinycnn", "VGGa": "vgga", "VGGb": "vggb"}


def _small() -> dict[str, Code]:
    net = NetLearner(arch="mlp", optimizer=AdamW(lr=4e-3), training=Steps(epochs=5, min_steps=60, batch_size=64))
    start = replace(net, arch="small", training=replace(net.training, min_steps=100))
    moving = SubspaceLearner(arch="mlp", dimension=300, training=Steps(epochs=20, min_steps=400))
    squeezed = RateAware(start, training=Steps(epochs=1, min_steps=400, warmup=0.05))
    return {
        "uniform": Uniform(),
        "float32": TwoPart(net),
        "compressed": Compressed(squeezed, bit_prices=(1.0,)),
        "subspace": Subspace(moving),
        "variational": Variational(BayesLearner(training=Steps(min_steps=800, max_steps=800, warmup=0.05))),
        "prequential": Prequential((net,), calibration=Temperature()),
    }


def _mnist(scale: str) -> dict[str, Code]:
    """Nets and rates of configs/*mnist.yaml, with shorter trainings."""
    quick, warped_freely = scale == "cpu", Regularisation(augment=Affine())
    early = NetLearner(
        arch="convnet",
        optimizer=Muon(lr=0.12),
        training=Steps(epochs=8, min_steps=400, batch_size=64),
        regularisation=warped_freely,
    )
    late = NetLearner(
        arch="convnet",
        optimizer=AdamW(lr=6e-3, weight_decay=0.2),
        training=Steps(epochs=7, batch_size=64),
        regularisation=warped_freely,
    )
    start = NetLearner(
        arch="lenet-edges",
        optimizer=AdamW(lr=4e-3, weight_decay=0.05),
        training=Steps(epochs=4),
        regularisation=Regularisation(augment=Affine(rotate_degrees=6, scale=0.06, shear=0.07, shift_pixels=1)),
    )
    coordinates = SubspaceLearner(
        arch="lenet-edges",
        dimension=1500,
        optimizer=AdamW(lr=0.05, weight_decay=0.0),
        training=Steps(epochs=12 if quick else 40),
    )
    squeezed = RateAware(start, training=_retraining(10 if quick else 20))
    sparse = RateAware(start, training=_retraining(5 if quick else 10))
    return {
        "uniform": Uniform(),
        "float32": TwoPart(late),
        "compressed": Compressed(squeezed, bit_prices=(1.0,) if quick else (0.7, 1, 1.4)),
        "subspace": Subspace(coordinates),
        "variational": _bits_back(sparse, ScaleMixture(), epochs=8 if quick else 20, lr=3e-3),
        "prequential": Prequential((StagedLearner((early, late), until=(4096,)),), calibration=Temperature()),
    }


def _retraining(epochs: float) -> Steps:
    return Steps(epochs=epochs, min_steps=1000, warmup=0.05)


def _bits_back(start: RateAware, prior: Prior, epochs: float, lr: float, parts: int = 2) -> Variational:
    """From a sparse start, the weights drawn part by part."""
    learner = BayesLearner(
        start=start,
        prior=prior,
        training=_retraining(epochs),
        rates=Rates(lr=lr),
        kl=KlWeight(start=1.0, annealing=0.0),
    )
    return Variational(learner, BitsBack(refinement=Refinement(parts=parts)))


def _in_batches(net: NetLearner, batch_size: int, lr: float) -> NetLearner:
    """The same net with other steps."""
    return replace(net, optimizer=Muon(lr=lr), training=Steps(epochs=net.training.epochs, batch_size=batch_size))


def _cifar10(scale: str) -> dict[str, Code]:
    """The nets that the codes of the paper are about: configs/*cifar10.yaml send less, on features of the images."""
    quick, flipped = scale == "cpu", Crop(pad=2, flip=True)
    few = NetLearner(
        arch="whitened",
        optimizer=Muon(lr=0.4),
        training=Steps(epochs=6 if quick else 12, min_steps=60 if quick else 300),
        regularisation=Regularisation(augment=flipped),
        prediction=Prediction(views=Views(flipped, count=8)),
    )
    most = _in_batches(few, 1024, 0.24)
    staged = StagedLearner(
        (few, _in_batches(few, 256, 0.2), _in_batches(few, 512, 0.2), most), until=(2048, 10000, 20000)
    )
    start = NetLearner(
        arch="convnet-small",
        optimizer=Muon(lr=0.12),
        training=Steps(epochs=8),
        regularisation=Regularisation(augment=flipped),
    )
    coordinates = SubspaceLearner(
        arch="convnet-small",
        dimension=3000 if quick else 9000,
        optimizer=AdamW(lr=0.05, weight_decay=0.0),
        training=Steps(epochs=18 if quick else 30),
    )
    squeezed = RateAware(start, training=_retraining(30), overshoot=3, lr=0.06)
    return {
        "uniform": Uniform(),
        "float32": TwoPart(most),
        "compressed": Compressed(squeezed, bit_prices=(1.0,)),
        "subspace": Subspace(coordinates),
        "variational": _bits_back(squeezed, SparsePrior(), epochs=20, lr=2e-3, parts=1),
        "prequential": Prequential(
            (staged if quick else EnsembleLearner(staged, size=2),),
            schedule=Geometric(first=10, ratio=1.45),
            calibration=Temperature(),
        ),
    }


def table1_codes(scale: str, dataset: str) -> dict[str, Code]:
    """The six codes of Table 1 by name, with the settings of a scale."""
    made = {"mnist": _mnist, "cifar10": _cifar10}.get(dataset)
    return _small() if scale == "smoke" or made is None else made(scale)


def figure2_codes(scale: str) -> dict[str, Code]:
    """One plain prequential code for each net, by the name that the paper gives it."""
    epochs, least, most = {"smoke": (4.0, 15, 40), "cpu": (8.0, 30, 100_000), "full": (20.0, 100, 100_000)}[scale]
    plain = NetLearner(
        optimizer=AdamW(lr=1e-3, weight_decay=0.0),
        training=Steps(epochs=epochs, min_steps=least, max_steps=most, batch_size=64),
    )
    flipped = Regularisation(augment=Crop(pad=2, flip=True))
    nets = {name: replace(plain, arch=arch) for name, arch in ARCHS.items()}
    if scale != "smoke":
        nets["VGGb"] = replace(nets["VGGb"], regularisation=flipped)
    return {name: Prequential((net,), schedule=Geometric(first=10)) for name, net in nets.items()}


def switching_codes(scale: str) -> dict[str, Code]:
    """One net alone, its stopping times switched, and several models switched."""
    arch = {"smoke": "mlp", "cpu": "convnet", "full": "vggb"}[scale]
    net = NetLearner(
        arch=arch,
        optimizer=AdamW(lr=4e-3, weight_decay=0.05),
        training=Steps(epochs=8, min_steps=60 if scale == "smoke" else 150, batch_size=64),
    )
    short = Steps(epochs=8, min_steps=60)
    others = (
        NetLearner(arch="mlp-512", training=short),
        NetLearner(arch="linear", training=short),
        EstimatorLearner("sklearn.neighbors:KNeighborsClassifier", (("n_neighbors", 1),)),
        UniformLearner(),
        FrequencyLearner(),
    )
    schedule = Geometric(first=10)
    return {
        "one net": Prequential((net,), schedule=schedule),
        "self-switch": Prequential((CheckpointedLearner(net, (0.1, 0.25, 0.5)),), schedule=schedule),
        "switch": Prequential((net, *others), schedule=schedule),
    }
