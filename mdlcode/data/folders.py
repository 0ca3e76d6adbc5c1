"""A folder of images with one folder a class."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError, in_one_line
from mdlcode.limits import require_memory

Reader = Callable[[], Any]
TEST_NAMES = ("test", "val", "valid", "validation")
# What Pillow may open: no format that starts another program.
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "WEBP", "TIFF", "GIF")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".webp", ".tif", ".tiff", ".gif"}
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, MemoryError)
_IGNORED = ("__MACOSX",)
_WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L")  # of more than 8 bits a value


def readers(folder: Path, size: tuple[int, int] | None) -> tuple[Reader, Reader]:
    """Readers of the images in a folder `class/image`, and of their labels: the names of the class folders.

    Images are ordered by a hash of their pixels, so Bob gets the same order from the bare images, with
    no class folders. Hidden files and folders, `__MACOSX` and folders without images are passed over. Images are
    brought to `size` (height, width) where one is given. Raises MdlError for images of several sizes, for one that
    can't be read, and where there are no class folders.
    """

    @cache
    def read() -> tuple[NDArray[Any], list[Path]]:
        return _read(folder, size)

    return (lambda: read()[0]), (lambda: _labels(read()[1], folder))


def _files(folder: Path) -> list[Path]:
    """All images under a folder, sorted by path. Raises MdlError for one that is no regular file."""
    try:
        found = sorted(each for each in folder.rglob("*") if each.suffix.lower() in _SUFFIXES and not each.is_dir())
    except OSError as error:
        raise MdlError(f"folder {folder} can't be read: {error.strerror}") from None
    files = [each for each in found if not _is_hidden(each.relative_to(folder))]
    if not files:
        raise MdlError(f"no images under {folder}: a folder for each class with images in it is needed")
    if odd := [each for each in files if not each.is_file()]:
        raise MdlError(f"{odd[0]} is no file that can be read (a dangling link or a pipe): remove it")
    return files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in _IGNORED for part in path.parts)


def _read(folder: Path, size: tuple[int, int] | None) -> tuple[NDArray[Any], list[Path]]:
    """Images (n, C, H, W) and their files, in the order of a hash of the pixels."""
    files = _files(folder)
    num_bytes = 2 * sum(_decoded_bytes(file, size) for file in files)  # one by one, and then together
    require_memory(num_bytes, f"the {len(files):,} images under {folder}")
    arrays = [_image(file, size) for file in files]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise MdlError(f"images under {folder} differ in size: bring them to one height and width with `resize`")
    if len({array.shape[0] for array in arrays}) > 1:  # some are grey, some in colour
        arrays = [np.repeat(array, 3, axis=0) if len(array) == 1 else array for array in arrays]
    if len({array.dtype for array in arrays}) > 1:
        raise MdlError(f"images under {folder} have 8 bits a value and more: bring them to one kind first")
    order = sorted(range(len(files)), key=lambda i: hashlib.sha256(np.moveaxis(arrays[i], 0, 2).tobytes()).digest())
    return np.stack([arrays[i] for i in order]), [files[i] for i in order]


def _decoded_bytes(file: Path, size: tuple[int, int] | None) -> int:
    """Bytes of an image once it is decoded, by what its header says, or resized; the decoding itself is held to them.

    Raises MdlError for one that alone takes more memory than is allowed.
    """
    with _opened(file) as image:
        value_bytes = (4 if image.mode in _WIDE_MODES else 1) * (1 if image.mode in ("1", "L", *_WIDE_MODES) else 3)
        require_memory(value_bytes * image.width * image.height, f"image {file} of {image.width} x {image.height}")
        width, height = image.size if size is None else size[::-1]
        return value_bytes * width * height


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """An image of a known format, its header read. Raises MdlError where it, or what is done inside, fails."""
    from PIL import Image

    try:
        with warnings.catch_warnings():  # it is our limit that holds, not Pillow's
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as opened:
                yield opened
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise MdlError(f"image {file} can't be read ({in_one_line(error)}): repair or remove it") from None


def _image(file: Path, size: tuple[int, int] | None) -> NDArray[Any]:
    """An image (C, H, W): uint8 in grey or colour, or float32 where it has more than 8 bits a value."""
    from PIL import Image

    with _opened(file) as opened:
        mode = "F" if opened.mode in _WIDE_MODES else "L" if opened.mode in ("1", "L") else "RGB"
        image = opened.convert(mode) if opened.mode != mode else opened
        if size is not None:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
        array = np.asarray(image)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _labels(files: list[Path], folder: Path) -> list[str]:
    """The name of the class folder that each file lies in."""
    names = [file.relative_to(folder).parts for file in files]
    if bare := [file for file, parts in zip(files, names, strict=True) if len(parts) == 1]:
        raise MdlError(f"image {bare[0]} lies in no class folder: put each into a folder of its class's name")
    return [parts[0] for parts in names]
