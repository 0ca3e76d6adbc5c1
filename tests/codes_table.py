"""One table of all codes, in small: every law is tested on each."""

from dataclasses import replace

from mdlcode.bayes import BayesLearner, FreshNet, Refinement, ScaleMixture, SparsePrior
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes import (
    Bayes,
    BestOf,
    Buffer,
    Code,
    Compressed,
    Draws,
    FixedShare,
    Frequencies,
    Geometric,
    Listed,
    OnFeatures,
    Online,
    Portions,
    Prequential,
    Subspace,
    Temperature,
    TwoPart,
    Uniform,
    Variational,
)
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    Crop,
    DeepCompression,
    EnsembleLearner,
    EstimatorLearner,
    FixMatch,
    FrequencyLearner,
    Muon,
    NetLearner,
    Prediction,
    Pruning,
    RateAware,
    Regularisation,
    Sgd,
    StagedLearner,
    Steps,
    SubspaceLearner,
    UniformLearner,
    VariationalDropout,
    Views,
)
from mdlcode.learn.feature_maps import RandomFilters
from mdlcode.learn.principal import PrincipalComponents
from mdlcode.projections import Fastfood, Kronecker
from mdlcode.weights import AsTrained, Entropy, FixedWidth, Float16, Gaps, Grid, KMeans, Quantised

QUICK = Steps(min_steps=12)
TWELVE = Steps(min_steps=12, max_steps=12, batch_size=32)
FORTY = Steps(min_steps=40, max_steps=40, batch_size=32, warmup=0.05)
NET = NetLearner(training=TWELVE)
SMALL = NetLearner(arch="small", training=Steps(min_steps=40))
NORMED = NetLearner(arch="convnet-small", training=TWELVE)
DENSE = NetLearner(arch="mlp", training=QUICK)
TINY = NetLearner(arch="mlp-small", training=QUICK)  # small enough for stacks
WARPED = Affine(shift_pixels=1.0)


def retraining(min_steps: int) -> Steps:
    return Steps(epochs=1, min_steps=min_steps, warmup=0.05)


SPARSE = RateAware(SMALL, training=retraining(100), lr=0.03, overshoot=2)
BAYES = BayesLearner(training=FORTY)
COMPONENTS = PrincipalComponents(RandomFilters(filters=8, size=3, mirrored=False), directions=12)
TEN = Steps(epochs=1, min_steps=10, batch_size=32, warmup=0.05)

CODES: dict[str, Code] = {
    "uniform": Uniform(),
    "frequencies": Frequencies(),
    "float32": TwoPart(NET),
    "float32-batch-norm-free": TwoPart(NetLearner(arch="linear", training=QUICK, optimizer=Sgd(lr=0.05))),
    "float16": TwoPart(NET, weights=Float16()),
    "k-means-adaptive": TwoPart(NET, weights=Quantised(KMeans(8), units="sorted")),
    "grid-entropy": TwoPart(NET, weights=Quantised(Grid(15), Entropy())),
    "k-means-fixed-width": TwoPart(NET, weights=Quantised(KMeans(8), FixedWidth(), units="all")),
    "grid-gaps": TwoPart(NET, weights=Quantised(Grid(5), Gaps())),
    "subspace": Subspace(SubspaceLearner(training=replace(QUICK, batch_size=32), dimension=60)),
    "subspace-best-of": BestOf(
        (
            Subspace(SubspaceLearner(arch="mlp", training=QUICK, dimension=30, projection=Kronecker())),
            Subspace(SubspaceLearner(arch="mlp", training=QUICK, dimension=9, layers="mixed", projection=Fastfood())),
        )
    ),
    "prequential": Prequential((NET,)),
    "prequential-listed": Prequential((DENSE,), schedule=Listed((20, 70))),
    "calibrated": Prequential((NET,), calibration=Temperature()),
    "estimator": Prequential((EstimatorLearner("sklearn.neighbors:KNeighborsClassifier", {"n_neighbors": 1}),)),
    "switch": Prequential((NET, EstimatorLearner(), UniformLearner(), FrequencyLearner())),
    "self-switch": Prequential(
        (CheckpointedLearner(NetLearner(training=replace(QUICK, warm_start=0.5))),),
        calibration=Temperature(),
        mixture=FixedShare(),
    ),
    "bayes": Prequential((UniformLearner(), FrequencyLearner()), mixture=Bayes()),
    "ensemble": Prequential((EnsembleLearner(NET, size=2),), schedule=Geometric(first=30, ratio=3)),
    "views": Prequential(
        (
            NetLearner(
                training=QUICK,
                regularisation=Regularisation(augment=WARPED, label_smoothing=0.1),
                prediction=Prediction(views=Views(WARPED, count=2), ema_decay=0.9),
            ),
        ),
        schedule=Listed((60,)),
    ),
    "fixmatch": Prequential(
        (
            NetLearner(
                training=QUICK,
                regularisation=Regularisation(augment=Crop(pad=1, flip=True), unlabelled=FixMatch(batch_size=16)),
            ),
        ),
        schedule=Listed((60,)),
    ),
    "staged-stack": Prequential(
        (StagedLearner((FrequencyLearner(), EnsembleLearner(CheckpointedLearner(TINY), size=2)), until=(20,)),)
    ),
    "muon": Prequential((NetLearner(optimizer=Muon(), training=QUICK),), schedule=Listed((60,))),
    "probing": Prequential((UniformLearner(), EstimatorLearner()), schedule=Portions((0.1, 0.5))),
    "online": Online(arch="tinycnn"),
    "online-draws": Online(arch="mlp", first=4, batch_size=24, replay=Draws(1, size=16), optimizer=Sgd(lr=0.05)),
    "online-buffer": Online(arch="mlp", replay=Buffer(2), augment=Crop(pad=1), optimizer=AdamW(lr=3e-3)),
    "bits-back": Variational(BAYES, BitsBack(tries=4)),
    "refined": Variational(
        BayesLearner(start=SPARSE, prior=ScaleMixture(), training=FORTY),
        BitsBack(refinement=Refinement(parts=2, last_parts=2, training=TEN, last_training=replace(TEN, epochs=3))),
        extra_draws=2,
    ),
    "masked": Variational(
        BayesLearner(start=SPARSE, prior=SparsePrior(), training=FORTY),
        BitsBack(refinement=Refinement(parts=1, last_parts=2, training=TEN, last_training=replace(TEN, epochs=3))),
        extra_draws=2,
    ),
    "relative-entropy": Variational(BAYES, RelativeEntropy(bits=10)),
    "compressed": Compressed(RateAware(SMALL, training=retraining(300), lr=0.03, overshoot=2), bit_prices=(0.7, 1.0)),
    "compressed-to-nothing": Compressed(RateAware(SMALL, training=retraining(100)), bit_prices=(100.0,)),
    "rate-aware": TwoPart(
        RateAware(NORMED, bit_price=0.01, coarseness=0.5, training=retraining(12)), Quantised(AsTrained())
    ),
    "variational-dropout": TwoPart(VariationalDropout(SMALL, training=retraining(40)), Quantised(KMeans(5))),
    "deep-compression": TwoPart(
        DeepCompression(
            SMALL, training=Steps(epochs=1, min_steps=20, warmup=None), pruning=Pruning(density=0.3), levels=4
        ),
        Quantised(AsTrained(), Gaps(), "all"),
    ),
    "variational-on-features": OnFeatures(
        Variational(BayesLearner(FreshNet("linear"), training=FORTY), extra_draws=2), COMPONENTS
    ),
    "prequential-on-features": OnFeatures(Prequential((DENSE,), schedule=Listed((60,))), COMPONENTS),
    "best-of": BestOf((Uniform(), Prequential((NET,)), Prequential((FrequencyLearner(),)))),
}
