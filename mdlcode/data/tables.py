"""Tables: pandas frames, CSV and Parquet files, their columns as features, one of them as labels."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError
from mdlcode.mapped import Rows, is_large, rows_at_once
from mdlcode.validation import listed, short

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_MOST_CATEGORIES = 1000
_FEW_CATEGORIES = 20  # that a column of texts may have however few rows there are


def is_frame(values: Any) -> bool:
    """Whether the values are a table with named columns, as pandas has it."""
    return hasattr(values, "columns") and hasattr(values, "select_dtypes")


class FrameEncoder:
    """Columns of numbers as they are, then one column for each value of each column of texts or categories.

    The values are those of the frame it is made from (scikit-learn's OneHotEncoder); others become all zeros.
    Raises MdlError for missing values, columns of dates or complex numbers, and columns of texts that have almost
    as many values as rows.
    """

    def __init__(self, frame: Any) -> None:
        from sklearn.preprocessing import OneHotEncoder

        if frame.columns.duplicated().any():
            raise MdlError(
                f"two columns have the same name, '{frame.columns[frame.columns.duplicated()][0]}': rename one"
            )
        kinds = {str(name): _kind(frame[name], str(name)) for name in frame.columns}
        self._names = list(frame.columns)
        self._numbers = [name for name in frame.columns if kinds[str(name)] == "number"]
        self._texts = [name for name in frame.columns if kinds[str(name)] == "text"]
        self._encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        if self._texts:
            self._encoder.fit(self._as_texts(frame))

    def features(self, frame: Any) -> NDArray[Any]:
        """The features (n, F) of a frame with the same columns: int64 where all are whole numbers, else real.

        Raises MdlError for a column that is not there or of another kind, and for missing values.
        """
        if missing := [str(name) for name in self._names if name not in set(frame.columns)]:
            raise MdlError(f"the table has no column '{short(missing[0])}', which the training table has")
        for name in self._names:
            _check_present(frame[name], str(name))
        try:
            numbers = frame[self._numbers].to_numpy()
            if numbers.dtype.kind not in "iu":
                numbers = numbers.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise MdlError(f"a column of numbers holds something else in another part of the data: {error}") from None
        if not self._texts:
            return np.asarray(numbers)
        return np.hstack([numbers.reshape(len(frame), -1), self._encoder.transform(self._as_texts(frame))])

    def _as_texts(self, frame: Any) -> NDArray[Any]:
        columns = [np.array([str(each) for each in frame[name]], dtype=object) for name in self._texts]
        return np.stack(columns, axis=1)


def _kind(column: Any, name: str) -> str:
    """How a column becomes features: "number" or "text"."""
    _check_present(column, name)
    dtype = str(column.dtype)
    if column.dtype.kind in "biuf" and dtype != "category":
        return "number"
    if dtype not in ("category", "object", "str") and not dtype.startswith("string"):
        raise MdlError(f"column '{short(name)}' is of type {dtype}: make numbers or texts of it first, or drop it")
    count = column.nunique()
    if count > _MOST_CATEGORIES or (count > _FEW_CATEGORIES and 2 * count > len(column)):
        raise MdlError(f"column '{short(name)}' has {count:,} different texts in {len(column):,} rows: drop it")
    return "text"


def _check_present(column: Any, name: str) -> None:
    if missing := int(column.isna().sum()):
        raise MdlError(f"column '{short(name)}' has {missing:,} missing values: fill or drop them first")


def readers(path: Path, target: str | None) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Readers of a table's features, all columns but `target`, and of its labels, that column alone.

    The features of a large Parquet file of numbers are `Rows`, those of others a frame.

    The features are taken without the labels, which need not be there. Both raise MdlError: for a file that can't
    be read, pandas not installed, and labels that `target` does not name.
    """

    def inputs() -> Any:
        columns = [name for name in _columns(path) if name != target]
        if not columns:
            raise MdlError(f"{path} has no column beside '{target}': there are no inputs")
        return _large(path, columns) or _read(path, columns)

    def labels() -> Any:
        columns = _columns(path)
        if target is None:
            raise MdlError(f"which column of {path} holds the labels? Name it with `target`: {listed(columns)}")
        if target not in columns:
            raise MdlError(f"{path} has no column '{short(target)}' for the labels, there are: {listed(columns)}")
        return _read(path, [target])[target]

    return inputs, labels


class _Batches(Rows):
    """The columns of numbers in a Parquet file, as many rows at once as are stored together."""

    def __init__(self, path: Path, columns: list[str], num_rows: int) -> None:
        self._path, self._names = path, columns
        self.shape = (num_rows, len(columns))

    def first(self) -> NDArray[Any]:
        """As of `Rows`."""
        return next(self._arrays(1))

    def pieces(self) -> Iterator[NDArray[Any]]:
        """As of `Rows`."""
        return self._arrays(rows_at_once(8 * len(self._names)))

    def _arrays(self, size: int) -> Iterator[NDArray[Any]]:
        from pyarrow import parquet

        batches = parquet.ParquetFile(self._path).iter_batches(size, columns=self._names)
        encoder = None
        while (frame := _guarded(self._path, lambda _: _frame(next(batches, None)))) is not None:
            encoder = encoder or FrameEncoder(frame)
            yield encoder.features(frame[self._names])


def _frame(batch: Any) -> Any:
    return None if batch is None else batch.to_pandas()


def _large(path: Path, columns: list[str]) -> _Batches | None:
    """The columns of a Parquet file that are not to be read into memory, if all are numbers; None for all others."""
    if path.suffix != ".parquet":
        return None

    def found(_: Any) -> _Batches | None:
        from pyarrow import parquet, types

        file = parquet.ParquetFile(path)
        kinds = [file.schema_arrow.field(name).type for name in columns]
        numbers = all(types.is_integer(each) or types.is_floating(each) or types.is_boolean(each) for each in kinds)
        num_rows = file.metadata.num_rows
        large = is_large(8 * num_rows * len(columns))
        return _Batches(path, columns, num_rows) if numbers and large else None

    batches: _Batches | None = _guarded(path, found)
    return batches


def _columns(path: Path) -> list[str]:
    def named(pandas: Any) -> Any:
        if path.suffix != ".parquet":
            return _csv(pandas, path, nrows=0).columns
        from pyarrow import parquet

        return parquet.read_schema(path).names

    return [str(name) for name in _guarded(path, named)]


def _read(path: Path, columns: list[str]) -> Any:
    """The named columns as a frame of at least one row."""
    if path.suffix == ".parquet":
        frame = _guarded(path, lambda pandas: pandas.read_parquet(path, columns=columns))
    else:
        frame = _guarded(path, lambda pandas: _csv(pandas, path))[columns]
    if not len(frame):
        raise MdlError(f"{path} has no rows")
    return frame


def _csv(pandas: Any, path: Path, nrows: int | None = None) -> Any:
    """A whole table, since pandas overlooks odd rows where it reads some columns only."""
    frame = pandas.read_csv(path, sep="\t" if ".tsv" in path.suffixes else ",", low_memory=False, nrows=nrows)
    if not frame.index.equals(pandas.RangeIndex(len(frame))):
        raise ValueError("rows have more fields than the first line names")
    return frame


def _guarded(path: Path, read: Callable[[Any], Any]) -> Any:
    """What `read` makes of pandas; its errors in one line."""
    try:
        import pandas

        return read(pandas)
    except ImportError:
        raise MdlError("tables need pandas, and pyarrow for Parquet: pip install 'mdlcode[tables]'") from None
    except (
        ValueError,
        OSError,
        EOFError,
        MemoryError,
        NotImplementedError,
    ) as error:
        raise MdlError(f"table {path} can't be read: {' '.join(str(error).split())}") from None
