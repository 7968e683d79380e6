"""HDF5 datasets that grow a block at a time, so that no table has to be in memory whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_CHUNK_BYTES = 1 << 18


def extend(group: Any, name: str, rows: npt.NDArray[Any], *, compressed: bool = True) -> Any:
    """Append rows to a dataset of a group, made with the first of them; return it.

    Parameters
    ----------
    group
        `h5py.Group`.
    name
        Of the dataset.
    rows
        `(n, ...)`, of the same shape and type every time.
    compressed
        Whether its chunks are compressed; rows of noise are not worth it.
    """
    if name not in group:
        item_bytes = max(rows.dtype.itemsize * int(np.prod(rows.shape[1:])), 1)
        return group.create_dataset(
            name,
            data=rows,
            maxshape=(None, *rows.shape[1:]),
            chunks=(max(_CHUNK_BYTES // item_bytes, 1), *(max(edge, 1) for edge in rows.shape[1:])),
            **({"compression": "gzip", "compression_opts": 4, "shuffle": True} if compressed else {}),
        )
    dataset = group[name]
    start = len(dataset)
    dataset.resize(start + len(rows), axis=0)
    dataset[start:] = rows
    return dataset
