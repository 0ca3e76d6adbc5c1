"""N. Denis 2019, "Machine Learning Reading Group: Deep Learning Theory", and the papers that it walks through."""

from mdlcode.papers.denis.memorise import memorise
from mdlcode.papers.denis.random import random

ITEMS = {
    "random": random,
    "memorise": memorise,
}
DATA = {"smoke": ("digits",), "cpu": ("mnist", "cifar10"), "full": ("mnist", "cifar10")}
