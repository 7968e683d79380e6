"""A name taken from dclab must mean what dclab means: our measures of real cells beside those stored with them."""

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest

from reconstruction.features.brightness import BRIGHTNESS_FEATURES, measure_brightness
from reconstruction.features.contour import SHAPE_FEATURES, measure_shape
from reconstruction.features.texture import TEXTURE_FEATURES, grey_levels, log_table, measure_texture

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "rtdc_mit_dcnum" / "cytoshot-test-data.rtdc"
SHAPES = (
    "area_um", "area_ratio", "aspect", "deform", "inert_ratio_cvx", "inert_ratio_raw", "inert_ratio_prnc", "tilt",
)  # fmt: skip


def unpacked(column: h5py.Dataset) -> np.ndarray:
    """Read a column that is packed with Zstandard, which HDF5 itself cannot unpack; a checksum ends each chunk."""
    if not column.chunks or column.id.get_create_plist().get_nfilters() == 0:
        return np.asarray(column[...])
    out = np.empty(column.shape, dtype=column.dtype)
    packed_size = int(np.prod(column.chunks)) * column.dtype.itemsize
    for k in range(column.id.get_num_chunks()):
        place = column.id.get_chunk_info(k).chunk_offset
        _, packed = column.id.read_direct_chunk(place)
        flat = pa.Codec("zstd").decompress(packed[:-4], decompressed_size=packed_size)
        part = np.frombuffer(flat, dtype=column.dtype).reshape(column.chunks)
        target = out[tuple(slice(p, p + c) for p, c in zip(place, column.chunks, strict=True))]
        target[...] = part[tuple(slice(0, n) for n in target.shape)]
    return out


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What dclab's family stored with 40 real cells, and what we measure in the same pictures."""
    if not FILE.is_file():
        pytest.skip("the folder with real data is not beside this checkout")
    with h5py.File(FILE) as file:
        stored = {name: unpacked(column) for name, column in file["events"].items()}
        pixel_um = float(file.attrs["imaging:pixel size"])
    rows = []
    for image, empty, inside in zip(stored["image"], stored["image_bg"], stored["mask"].astype(bool), strict=True):
        corrected = (image.astype(np.int16) - empty).astype(np.float32)
        shape = measure_shape(inside, pixel_um)[:-2]
        raw = measure_brightness(image.astype(np.float32), inside, pixel_um, 0.0)
        light = measure_brightness(corrected, inside, pixel_um, 0.0)
        light[:2] = raw[:2]
        texture = measure_texture(grey_levels(corrected, inside, 1.0), log_table(inside.size))
        rows.append(np.concatenate([shape, light, texture]))
    names = (*SHAPE_FEATURES, *BRIGHTNESS_FEATURES, *TEXTURE_FEATURES)
    return stored, dict(zip(names, np.transpose(rows), strict=True))


@pytest.mark.parametrize("name", [*SHAPES, "bright_avg", "bright_sd", "bright_perc_10", "bright_perc_90"])
def test_shape_and_brightness_are_those_of_dclab(measured, name):
    theirs, ours = measured
    np.testing.assert_allclose(ours[name], theirs[name], rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize("name", TEXTURE_FEATURES)
def test_texture_is_that_of_dclab(measured, name):
    theirs, ours = measured
    np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6)


def test_extents_are_those_of_dclab_along_and_across_the_flow(measured):
    theirs, ours = measured
    np.testing.assert_allclose(ours["size_flow_um"], theirs["size_x"], rtol=1e-5)
    np.testing.assert_allclose(ours["size_across_um"], theirs["size_y"], rtol=1e-5)
