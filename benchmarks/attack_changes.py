"""What an attack changes in a good file, at random: its bytes, words and values, the YAML of a config, arrays."""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from mdlcode.coding.channel import Words
from mdlcode.coding.message import opened, seal

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 7, 0.5, -0.5, 1e308, 1e-308, float("inf"), float("nan")),
    *(2**31, 2**53, 2**63, 2**64, 10**12, 65536, 65537, 10**6, "", "x", "7", "net", "uniform", "auto", "1e9"),
    *("x" * 5000, "os:system", ".x:y", "math:gcd", "a.b:", "{0}", "{torch:>1000000000}", "\x1b[31m\u202e", "$\\frac"),
    *([], {}, [[]], [1, "a"], {"kind": "net"}, {"kind": ["a"]}, {"kind": "uniform", "": 0}, {"__dataclass_self__": 1}),
)


def altered(rng: random.Random, magic: bytes, file: bytes) -> bytes:
    """The file with its header, its words or its bytes changed; most with a checksum that fits."""
    way = rng.random()
    if way < 0.1:
        return flipped(rng, file)
    fields, words = opened(magic, file, "file")
    if way < 0.4:
        return seal(magic, fields, odd_words(rng, words))
    return seal(magic, edited(rng, fields), words)


def flipped(rng: random.Random, content: bytes) -> bytes:
    """The bytes with some of them changed, or cut, or with more of them."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(rng.choice([changed, content[: rng.randrange(len(content))], content + bytes(changed[:9])]))


def odd_words(rng: random.Random, words: Words) -> Words:
    """The words with one bit changed, cut, lengthened, zeroed at the end, or none at all."""
    changed = words.copy()
    if len(changed):
        changed[rng.randrange(len(changed))] ^= np.uint32(1 << rng.randrange(32))
    zero, some = np.zeros(1, dtype=np.uint32), np.array([rng.getrandbits(32) for _ in range(9)], dtype=np.uint32)
    ways = (changed, changed[: rng.randint(0, len(changed))], np.append(words, zero), some, words[::-1], words[:0])
    return np.ascontiguousarray(ways[rng.randrange(len(ways))])


def edited(rng: random.Random, tree: Any) -> Any:
    """The plain values with one or two of them replaced, taken out, renamed, added or wrapped."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.randint(1, 2)):
        places = [(tree, key) for key in _keys(tree)]
        for parent, key in places:
            places += [(parent[key], inner) for inner in _keys(parent[key])]
        if not places:
            return deepcopy(rng.choice(NASTY))
        parent, key = rng.choice(places)
        way = rng.randrange(8)
        if way < 4:
            parent[key] = deepcopy(rng.choice(NASTY))
        elif way == 4:
            del parent[key]
        elif way == 5:
            parent[key] = _scaled(rng, parent[key])
        elif way == 6:
            other = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[0][other[1]])) if other[1] in _keys(other[0]) else None
        else:
            parent[key] = _deep(rng, parent[key])
    return tree


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def _scaled(rng: random.Random, value: Any) -> Any:
    if isinstance(value, int | float):
        return value * rng.choice([-1, 0, 2, 10, 1000, 10**6, 10**9, 1e-3, 1e-9])
    return value * 3 if isinstance(value, str | list) else {**(value or {}), rng.choice(["kind", "x", "seed"]): 1}


def _deep(rng: random.Random, value: Any) -> Any:
    for _ in range(rng.choice([1, 20, 300])):
        value = rng.choice([[value], {"kind": "best-of", "codes": [{"kind": "uniform"}, value]}])
    return value


def scrambled(rng: random.Random, text: str) -> str:
    """The YAML text with something put in that YAML gives a meaning to."""
    odd = ("&a [*a]", "!!python/object:os.system x", "2020-01-01", "!!binary eA==", ".inf", ".nan", "1: 2", "{", "%")
    laughs = "\n".join(f"a{i}: &a{i} [{', '.join(3 * [f'*a{i - 1}'])}]" if i else "a0: &a0 x" for i in range(30))
    merged = "\n".join(f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}]}}" if i else "m0: &m0 {x: 1}" for i in range(30))
    place = rng.randrange(len(text) + 1)
    put = text[:place] + f" {rng.choice(odd)} " + text[place:]
    return rng.choice([put, put, text[:place], f"{laughs}\n{text}", f"{merged}\n{text}"])


def odd_arrays(rng: random.Random, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a result, one of them gone, cut, of another type or shape, or with odd values."""
    changed, name = dict(arrays), rng.choice(list(arrays))
    values = changed[name]
    ways: list[Callable[[], Any]] = [
        *(lambda: values[:-1], lambda: values[None], lambda: values * np.nan, lambda: values.astype("U8")),
        *(
            lambda: values.astype(complex),
            lambda: np.zeros(0),
            lambda: -values.astype(float),
            lambda: values.astype(bool),
        ),
        *(lambda: np.full(values.shape, 1e308), lambda: np.zeros((len(values), 3)), lambda: values[::-1]),
    ]
    if (way := rng.randrange(len(ways) + 1)) == len(ways):
        del changed[name]
    else:
        changed[name] = ways[way]()
    return changed
