"""Files that are written whole or not at all, whatever stands at their place."""

import os
import stat
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mdlcode.errors import MdlError
from mdlcode.files import locked, make_folder, write_atomically, write_text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def only_what_is_whole(folder: Path) -> bool:
    return not [each for each in folder.iterdir() if each.name.startswith(".mdlcode-")]


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 3))  # the numbers of /dev/null
    except (PermissionError, AttributeError, OSError) as error:
        pytest.skip(f"this user may make no device nodes: {error}")
    try:
        write_text(node, "gone")
    except MdlError as error:
        pytest.skip(f"device nodes can't be opened here: {error}")
    assert stat.S_ISCHR(node.stat().st_mode)
    assert only_what_is_whole(tmp_path)


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    write_atomically(tmp_path / "pipe", lambda file: np.save(file, np.arange(3)))
    reader.join(timeout=10)
    assert read[0].startswith(b"\x93NUMPY")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("old")
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "later").symlink_to("new")
    for name, target in (("link", "kept"), ("later", "new")):
        write_text(tmp_path / name, "now")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_text() == "now"


def test_the_output_of_this_process_is_written_into(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is printed afterwards stands behind it, where a replaced file would lose it."""
    for name in ("stdout", "stderr"):
        if not Path("/dev", name).exists():
            pytest.skip("this system has no /dev/stdout")
        print("before", flush=True)
        write_text(Path("/dev", name), "now\n")
        print("after", flush=True)
    out, err = capfd.readouterr()
    assert out == "before\nnow\nafter\nbefore\nafter\n"
    assert err == "now\n"


def test_modes(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "new", "")
        assert mode(tmp_path / "new") == 0o640
        (tmp_path / "new").chmod(0o604)
        write_text(tmp_path / "new", "again")
        assert mode(tmp_path / "new") == 0o604
    finally:
        os.umask(before)


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def fail(error: BaseException, file: object) -> None:
        raise error

    for error in (OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError()):
        with pytest.raises(MdlError if isinstance(error, OSError) else type(error)):
            write_atomically(tmp_path / "file", partial(fail, error))
    assert (tmp_path / "file").read_text() == "old"
    assert only_what_is_whole(tmp_path)


PLACES = {
    "long": "a" * 300,
    "below a file": "file/x",
    "below nothing": "none/x",
    "below a dangling link": "dangling/x",
    "a folder": "folder",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_places_for_no_file_are_one_line(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(MdlError, match="can't be written"):
        write_text(tmp_path / place, "")
    assert (tmp_path / "file").read_text() == "mine"
    if place != "folder":
        with pytest.raises(MdlError) as error:
            make_folder(tmp_path / ("file" if place == "none/x" else place.removesuffix("/x")))
        assert "\n" not in str(error.value)


def test_a_name_may_be_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    write_text(tmp_path / ("a" * 255), "x")
    assert (tmp_path / ("a" * 255)).read_text() == "x"


def test_one_at_a_time(tmp_path: Path) -> None:
    said = pytest.raises(MdlError, match="another command writes into")
    with locked(tmp_path / "out"), said, locked(tmp_path / "out"):
        pass
    with locked(tmp_path / "out"):
        pass


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    held, told = os.pipe()
    if (child := os.fork()) == 0:
        with locked(tmp_path / "out"):
            os.write(told, b"x")
            os.kill(os.getpid(), 9)
    assert os.read(held, 1) == b"x"
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    with locked(tmp_path / "out"):
        pass
