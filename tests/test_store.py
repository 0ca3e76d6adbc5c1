"""A folder of finished work: many at once, no more than its limit, and nothing of others."""

import os
import threading
import time
from pathlib import Path

import pytest
import torch

from mdlcode.store import Store


def test_many_writers_and_readers_at_once(tmp_path: Path) -> None:
    store, wrong = Store(tmp_path), []
    ends = time.monotonic() + 1.0

    def work(number: int) -> None:
        while time.monotonic() < ends:
            store.keep("aa", {"by": 7, "all": torch.ones(1000)})
            found = store.find("aa")
            if found is None or found["by"] != 7 or len(found["all"]) != 1000:
                wrong.append(found)
            if number == 0:
                store.trim(10**6)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert len(store.entries()) == 1


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(6):
        store.keep(f"{number:02d}", {"values": torch.zeros(1000)})
        os.utime(tmp_path / f"{number:02d}" / f"{number:02d}", (number, number))
    size = store.entries()[0].size_bytes
    assert store.find("00") is not None  # used now
    (tmp_path / "03" / ".mdlcode-0").write_bytes(b"left of a killed process")
    os.utime(tmp_path / "03" / ".mdlcode-0", (0, 0))
    store.set_limit(4 * size)
    assert sorted(each.path.name for each in store.entries()) == ["00", "04", "05"]
    assert not (tmp_path / "03" / ".mdlcode-0").exists()
    assert Store(tmp_path).limit_bytes == 4 * size
    store.keep("06", {"values": torch.zeros(9000)})  # larger than all together may be
    assert store.find("06") is None


def test_files_of_others_and_pipes_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.keep("aa", {"a": 1})
    os.mkfifo(tmp_path / "aa" / "ab")
    (tmp_path / "aa" / "ac").symlink_to(tmp_path / "aa" / "aa")
    assert store.find("ab") is None
    assert store.find("ac") is None
    monkeypatch.setattr("mdlcode.store.is_own", lambda _: False)
    assert store.find("aa") is None
