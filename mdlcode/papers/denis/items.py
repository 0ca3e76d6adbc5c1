"""N. Denis 2019, "Machine Learning Reading Group: Deep Learning Theory", and the papers that it walks through."""

from mdlcode.papers.denis.random import random

ITEMS = {
    "random": random,
}
DATA = {"smoke": ("digits",), "cpu": ("mnist", "cifar10"), "full": ("mnist", "cifar10")}
