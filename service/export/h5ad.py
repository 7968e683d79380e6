"""AnnData (`.h5ad`): cells by what was measured of them, with embedding and answers beside.

Source: https://anndata.readthedocs.io, "On-disk format", anndata 0.1.0 and its encodings of version 0.2.0; written with
h5py alone, and read back by anndata in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa

from service.export.about import about
from service.export.columns import embedding_names, feature_names, list_matrix, numbers
from service.export.exporter import Exporter, Progress
from service.export.growing_h5 import extend
from service.export.selection import Selection

_TEXT = h5py.string_dtype()
_INDEX = "_index"


class AnnDataExporter(Exporter):
    """`X` are the features, `obsm['X_embedding']` the embedding, `obs` everything else of a cell."""

    suffix = ".h5ad"
    media_type = "application/x-hdf5"

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write the rows, a part of the run at a time."""
        wanted.count()
        rows = wanted.rows
        layout = _Layout(rows.schema, {name: rows.texts(name) for name in _texts(rows.schema)})
        with h5py.File(path, "x") as file:
            _encode(file, "anndata", "0.1.0")
            layout.begin(file)
            for seen, table in rows.tables():
                layout.add(file, table)
                progress(seen, rows.total)
            uns = _dictionary(file, "uns")
            for word, text in about(wanted).items():
                _encode(uns.create_dataset(word, data=text, dtype=_TEXT), "string")
            _strings(uns, "classes", wanted.classes)


class _Layout:
    """Which column goes where."""

    def __init__(self, schema: Any, categories: Mapping[str, Sequence[str]]) -> None:
        self._categories = categories
        self._features = feature_names(schema)
        self._embedding = embedding_names(schema)
        self._lists = [field.name for field in schema if pa.types.is_list(field.type)]
        elsewhere = {*self._features, *(name for names in self._embedding.values() for name in names), *self._lists}
        self._obs = [name for name in schema.names if name not in elsewhere]

    def begin(self, file: Any) -> None:
        """Write what does not grow, and the beginnings of what does."""
        _encode(extend(file, "X", np.empty((0, len(self._features)), np.float32)), "array")
        obs, var = _frame(file, "obs", self._obs), _frame(file, "var", ())
        _encode(extend(obs, _INDEX, np.empty(0, _TEXT), compressed=False), "string-array")
        _strings(var, _INDEX, self._features)
        for name, texts in self._categories.items():
            column = obs.create_group(name)
            _encode(column, "categorical")
            column.attrs["ordered"] = False
            _strings(column, "categories", texts)
        _dictionary(file, "obsm")

    def add(self, file: Any, table: Any) -> None:
        """Append rows."""
        extend(file, "X", _matrix(table, self._features))
        ids = np.array([str(k) for k in table.column("event_id").to_pylist()], _TEXT)
        extend(file["obs"], _INDEX, ids, compressed=False)
        for name in self._obs:
            self._add_column(file["obs"], name, table.column(name))
        stacks = {name: list_matrix(table.column(name)) for name in self._lists}
        stacks |= {f"X_{kind}": _matrix(table, names) for kind, names in self._embedding.items()}
        for name, stack in stacks.items():
            _encode(extend(file["obsm"], name, stack), "array")

    def _add_column(self, obs: Any, name: str, column: Any) -> None:
        if name in self._categories:
            code = {text: k for k, text in enumerate(self._categories[name])}
            codes = np.array([code.get(text, -1) for text in column.to_pylist()], np.int32)
            _encode(extend(obs[name], "codes", codes), "array")
            return
        whole = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        plain = column.combine_chunks().to_numpy(zero_copy_only=False) if whole and not column.null_count else None
        _encode(extend(obs, name, numbers(column) if plain is None else plain), "array")


def _texts(schema: Any) -> list[str]:
    return [field.name for field in schema if pa.types.is_string(field.type)]


def _matrix(table: Any, names: Sequence[str]) -> Any:
    columns = [numbers(table.column(name), np.float32) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0), np.float32)


def _encode(item: Any, kind: str, version: str = "0.2.0") -> Any:
    item.attrs["encoding-type"] = kind
    item.attrs["encoding-version"] = version
    return item


def _dictionary(file: Any, name: str) -> Any:
    return _encode(file.create_group(name), "dict", "0.1.0")


def _frame(file: Any, name: str, columns: Sequence[str]) -> Any:
    frame = _encode(file.create_group(name), "dataframe")
    frame.attrs["_index"] = _INDEX
    frame.attrs.create("column-order", np.array(columns, _TEXT), dtype=_TEXT)
    return frame


def _strings(group: Any, name: str, texts: Sequence[str]) -> None:
    _encode(group.create_dataset(name, data=np.array(texts, _TEXT), dtype=_TEXT), "string-array")
