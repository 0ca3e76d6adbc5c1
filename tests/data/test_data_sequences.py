"""Labels of tokens and texts as data: what is read, what both sides hold, and what is refused in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mdlcode import from_arrays, from_text, load
from mdlcode.data import Data, Shared, View, load_shared
from mdlcode.errors import MdlError

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 7, (12, 5))
TAGS = TOKENS % 3
MASK = RNG.random((12, 5)) < 0.7
MASK[:, 0] = True
WORDS = [["the", "cat", "sat"], ["a", "dog"], ["the", "dog", "ran", "off"]]
KINDS = [["D", "N", "V"], ["D", "N"], ["D", "N", "V", "P"]]


def kept(**more: Any) -> Data:
    return from_arrays(TOKENS, TAGS, order_seed=None, **more)


def test_masked_tokens_are_no_labels_whichever_way_they_are_marked() -> None:
    masked = kept(mask=MASK)
    marked = from_arrays(TOKENS, np.where(MASK, TAGS, -100), order_seed=None)
    hidden = from_arrays(TOKENS, np.ma.array(TAGS, mask=~MASK), order_seed=None)
    for data in (masked, marked, hidden):
        assert np.array_equal(data.labels, TAGS[MASK])
        assert len(data) == data.shared.num_labels == MASK.sum()
        assert data.shared.fingerprint() == masked.shared.fingerprint()
    assert masked.shared.fingerprint() != kept().shared.fingerprint()


def test_rows_of_many_lengths_are_padded_and_texts_numbered() -> None:
    data = from_arrays(WORDS, KINDS, [["one", "cat"]], [["D", "N"]], order_seed=None)
    assert data.shared.inputs.tolist() == [[6, 1, 5, 7], [0, 2, 7, 7], [6, 2, 4, 3]]
    assert data.shared.class_names == ("D", "N", "P", "V")
    assert data.labels.tolist() == [0, 1, 3, 0, 1, 0, 1, 3, 2]
    assert data.test_shared.inputs.tolist() == [[7, 1, 7, 7]]  # a word that training has not got
    assert data.test_shared.num_labels == 2


def test_an_order_moves_whole_sequences_with_their_labels_and_mask() -> None:
    data, plain = from_arrays(TOKENS, TAGS, mask=MASK, order_seed=4), kept(mask=MASK)
    order = View(order_seed=4).order(12)
    assert torch.equal(data.shared.inputs, plain.shared.inputs[torch.from_numpy(order)])
    assert np.array_equal(data.labels, TAGS[order][MASK[order]])
    few = View(limit=5, order_seed=4).of(plain)
    assert np.array_equal(few.labels, data.labels[: data.shared.label_ends[5]])
    noisy = View(label_noise=1.0, order_seed=None).of(plain)
    assert len(noisy) == len(plain)
    with pytest.raises(MdlError, match="tear tokens"):
        View(shuffle_pixels=True).of(plain)


def test_what_is_known_of_a_text_are_the_labels_before_each() -> None:
    text = from_text("abracadabra", length=4, order_seed=None)
    assert (text.shared.inputs == 5).all()
    inputs, targets = text.shared.known(text.labels)
    assert inputs.tolist() == [[5, 0, 1, 4], [5, 2, 0, 3], [5, 1, 4, 0]]
    assert targets.tolist() == [[0, 1, 4, 0], [2, 0, 3, 0], [1, 4, 0, -100]]
    second, labels = text.shared.known(text.labels[4:8], first=1)
    assert second.tolist() == inputs[1:2].tolist()
    assert labels.tolist() == targets[1:2].tolist()


def test_a_vocabulary_may_be_stated_and_covers_the_test_text() -> None:
    stated = from_text("abba", length=2, classes="abc", order_seed=None)
    assert (stated.shared.num_classes, stated.shared.sequences.vocabulary) == (3, 4)  # type: ignore[union-attr]
    tested = from_text("abba", length=2, test_text="cab", order_seed=None)
    assert tested.shared.class_names == ("a", "b", "c")
    assert tested.test_labels is not None
    assert tested.test_labels.tolist() == [2, 0, 1]
    words = from_text(["to", "be", "or", "not", "to", "be"], length=3)
    assert words.shared.class_names == ("be", "not", "or", "to")


def test_files_of_tokens_and_texts_give_bob_the_same_without_a_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "tags.npz", x_train=TOKENS, y_train=np.where(MASK, TAGS, 0), mask_train=MASK)
    alice = load(str(tmp_path / "tags.npz"), View(limit=7))
    bob = load_shared(str(tmp_path / "tags.npz"), 3, View(limit=7))
    assert bob.fingerprint() == alice.shared.fingerprint()
    np.savez(tmp_path / "bare.npz", x_train=TOKENS, y_train=TAGS)
    with pytest.raises(MdlError, match="no `mask_train`"):
        load(str(tmp_path / "bare.npz"))

    path = tmp_path / "book.txt"
    path.write_bytes("Zwölf\r\nBoxkämpfer\r\n".encode())
    read = load(str(path), View(order_seed=None), length=5)
    assert "".join(read.shared.class_names[each] for each in read.labels) == "Zwölf\r\nBoxkämpfer\r\n"
    path.write_text("x" * len(read))  # Bob takes no more of it than its length
    told = load_shared(str(path), read.shared.num_classes, View(order_seed=None), length=5)
    assert told.fingerprint() == read.shared.fingerprint()


NARROW = {"inputs": TOKENS[:, :4], "labels": TAGS}
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "three axes": (lambda: from_arrays(TOKENS, TAGS[..., None].repeat(2, 2)), r"one for each token \(n, T\)"),
    "nothing labelled": (lambda: kept(mask=np.zeros_like(MASK)), "no token has a label"),
    "one sequence unlabelled": (lambda: kept(mask=MASK & (np.arange(12) != 3)[:, None]), "sequence 3 has no label"),
    "mask of another shape": (lambda: kept(mask=MASK[:, :4]), "shape of the labels"),
    "mask of numbers": (lambda: kept(mask=TAGS), "True where a token has a label"),
    "mask of plain labels": (lambda: from_arrays(TOKENS, TAGS[:, 0], mask=MASK), "leave it out"),
    "fewer labels than tokens": (lambda: from_arrays(TOKENS, TAGS[:, :4]), "sequence 0 has 5 tokens but 4 labels"),
    "fewer rows": (lambda: from_arrays(TOKENS, TAGS[:9]), "12 sequences but 9 rows"),
    "ragged otherwise": (lambda: from_arrays(WORDS, [["D"], ["D", "N"], ["D", "N", "V"]]), "sequence 0 has 3 tokens"),
    "a class not named": (lambda: kept(classes=[0, 1]), "the class '2'"),
    "real tokens": (lambda: from_arrays(RNG.random((12, 5)), TAGS), "vectors"),
    "one-hot labels": (lambda: from_arrays(RNG.random((12, 9)), np.eye(4, dtype=int)[TAGS[:, 0]]), "argmax"),
    "images": (lambda: from_arrays(np.zeros((12, 5, 2, 2)), TAGS), "argmax|vectors"),
    "negative tokens": (lambda: from_arrays(-TOKENS, TAGS), "number them from 0"),
    "an empty text": (lambda: from_text(""), "non-empty"),
    "a text of one character": (lambda: from_text("aaaa"), "at least two classes"),
    "a length of 1": (lambda: from_text("abba", length=1), "two tokens or more"),
    "an unknown character": (lambda: from_text("abba", classes="ac"), "the text hold the class 'b'"),
    "a length of no text": (lambda: load("digits", length=8), "is no .txt file"),
    "another mask": (lambda: replace(kept().shared, sequences=from_text("ab", 2).shared.sequences), "2 tokens"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_sequences_are_one_clear_line(what: str) -> None:
    attempt, message = BAD[what]
    with pytest.raises(MdlError, match=message) as caught:
        attempt()
    assert "\n" not in str(caught.value)


def test_plain_data_are_as_before() -> None:
    shared = Shared(torch.zeros(3, 2), 2)
    assert (shared.num_labels, shared.rows_each, shared.label_ends.tolist()) == (3, 1, [0, 1, 2, 3])
    inputs, targets = shared.known(np.array([1, 0]))
    assert len(inputs) == 2
    assert targets.tolist() == [1, 0]
    column = from_arrays([[0.0], [1.0]], [["a"], ["b"]], order_seed=None)  # one label for each example
    assert column.shared.sequences is None
