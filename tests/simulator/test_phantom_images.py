"""A phantom must be the cell of its image and nothing else: not its background, its neighbours, or its frame."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.errors import ConfigError
from acquisition.real_images.raw import RawCell
from simulator.cells.specimen import View
from simulator.phantoms.depth import MOST_POINTS, granules_of, points_of_volume, stain_of, thickness_um
from simulator.phantoms.flat_cell import cut_out
from simulator.phantoms.making import TYPICAL_SIDE_SCATTER_UM2, Scale, make_phantom, typical_scale
from simulator.phantoms.outline import background, central_mask, distance_px, filled, smear_background
from simulator.phantoms.resample import at_pixels

PIXEL_UM = 0.3
N = 96


def radius_px(rows: float = 0.0, cols: float = 0.0, n: int = N) -> np.ndarray:
    y, x = np.indices((n, n)) - (n - 1) / 2
    return np.hypot(y - rows, x - cols)


def disc(radius: float, rows: float = 0.0, cols: float = 0.0) -> np.ndarray:
    """Soft-edged disc, 1 inside."""
    return np.clip(radius + 0.5 - radius_px(rows, cols), 0, 1).astype(np.float32)


def cell_image(level: float = 700.0, noise: float = 5.0, seed: int = 0) -> np.ndarray:
    """A disc of 12 px that takes 30 % of the light, a bright spot off its middle, camera noise."""
    image = level * (1 - 0.3 * disc(12) + 0.5 * disc(2, 5, -3))
    return (image + np.random.default_rng(seed).normal(0, noise, image.shape)).astype(np.float32)


def test_distances_are_exact() -> None:
    mask = np.random.default_rng(1).random((23, 31)) < 0.9
    outside = np.argwhere(~mask)
    slow = [np.sqrt(((outside - place) ** 2).sum(axis=1).min()) for place in np.ndindex(mask.shape)]
    np.testing.assert_allclose(distance_px(mask, 40.0), np.reshape(slow, mask.shape), rtol=1e-6)
    near = np.minimum(np.reshape(slow, mask.shape), 1.2)
    np.testing.assert_allclose(distance_px(mask, 1.2), near, rtol=1e-6)


def test_holes_are_closed_up_to_their_size() -> None:
    ring = (radius_px() < 20) & (radius_px() > 8)
    small = ring.copy()
    small[48, 62] = False
    assert (filled(small, 10.0) == ring).all()
    assert (filled(small, 1e6) == (radius_px() < 20)).all()


def test_the_background_is_that_of_the_empty_rim_whatever_crosses_it() -> None:
    image = cell_image()
    image[:40, :2] *= 0.7
    level, noise = background(image)
    assert level == pytest.approx(700, rel=2e-3) and noise == pytest.approx(5, rel=0.2)
    # Two thirds of a crowded smear are covered by cells of differing thickness.
    smear = np.where(np.arange(9000) % 3 > 0, np.linspace(120, 190, 9000), 230 + np.linspace(-1, 1, 9000))
    assert smear_background(smear.reshape(90, 100).astype(np.float32))[0] == pytest.approx(230, rel=5e-3)


def test_a_red_cell_that_touches_a_white_one_is_cut_off() -> None:
    white, red = disc(6 / PIXEL_UM), disc(3.7 / PIXEL_UM, 0, 9.3 / PIXEL_UM)
    deviation = -np.maximum(0.5 * white, 0.25 * red)
    mask = central_mask(deviation, 0.005, PIXEL_UM, is_smear=True)
    assert mask.sum() == pytest.approx((white > 0.5).sum(), rel=0.05)
    assert not mask[:, 48 + round(8 / PIXEL_UM) :].any()


def test_a_cell_keeps_its_area_place_and_transmission_and_the_rest_becomes_empty() -> None:
    image = cell_image()
    image[4:14, 4:14] *= 0.5
    cell = cut_out(RawCell(transmission=image), PIXEL_UM, "x")
    assert cell.diameter_um == pytest.approx(2 * 12 * PIXEL_UM, rel=0.07)
    assert cell.centre_px == pytest.approx((47.5, 47.5), abs=0.3)
    np.testing.assert_allclose(cell.transmission[cell.mask], (image / 700)[cell.mask], rtol=5e-3)
    assert (cell.transmission[:16, :16] == 1).all() and (cell.transmission[radius_px() > 22] == 1).all()


def test_the_camera_sees_the_image_whichever_way_the_instrument_looks() -> None:
    cell = phantom()
    ahead = cell.field(View((0, 1, 2), (0.0, 0.0), 80, 0.25, 488.0))
    np.testing.assert_array_equal(ahead, cell.field(View((1, 2, 0), (0.0, 0.0), 80, 0.25, 532.0)))
    moved = cell.field(View((0, 1, 2), (1.0, -2.0), 80, 0.25, 488.0))
    np.testing.assert_allclose(np.roll(ahead, (4, -8), (0, 1)), moved, atol=1e-5)
    seen = np.abs(ahead) ** 2
    bright = np.argwhere(seen > 1.08)
    expected_um = np.array([5, -3]) * PIXEL_UM
    np.testing.assert_allclose((bright.mean(axis=0) + 0.5 - 40) * 0.25, expected_um, atol=0.15)
    edge = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
    np.testing.assert_allclose(edge, 1, atol=1e-6)


@pytest.mark.parametrize("view_um", [0.1, 0.25, 0.9])
def test_an_image_at_other_pixels_keeps_its_light_and_place(view_um: float) -> None:
    spot = np.exp(-0.5 * (radius_px(4, -6) / 5) ** 2).astype(np.float32)
    seen = at_pixels(spot, (47.5, 47.5), (PIXEL_UM, PIXEL_UM), round(28 / view_um), (0.0, 0.0), view_um)
    assert seen.sum() * view_um**2 == pytest.approx(spot.sum() * PIXEL_UM**2, rel=1e-3)
    axis = (np.arange(len(seen)) + 0.5 - len(seen) / 2) * view_um
    assert (seen.sum(axis=1) @ axis) / seen.sum() == pytest.approx(4 * PIXEL_UM, abs=0.01)
    assert (seen.sum(axis=0) @ axis) / seen.sum() == pytest.approx(-6 * PIXEL_UM, abs=0.01)


@pytest.mark.parametrize("pixel_um", [0.05, 0.1, 0.28, 0.5, 1.1])
def test_points_keep_the_light_and_lie_within_the_depth_of_the_cell(pixel_um: float) -> None:
    light = (disc(20) * (1 + np.indices((N, N))[0])).astype(np.float32)
    thickness = thickness_um(disc(20) > 0.5, pixel_um)
    assert thickness.max() == pytest.approx(2 * 20 * pixel_um, rel=0.06), "a disc is taken for a ball"
    for spread in (granules_of, stain_of):
        points = spread(light, thickness, (47.5, 47.5), pixel_um, np.random.default_rng(0))
        assert len(points) <= MOST_POINTS
        assert points[:, 3].sum() == pytest.approx(light.sum(), rel=1e-3)
        rows = np.indices((N, N))[0] - 47.5
        mean = (points[:, 0] * points[:, 3]).sum() / points[:, 3].sum()
        assert mean == pytest.approx((rows * light).sum() / light.sum() * pixel_um, abs=0.02 * pixel_um * 20)
        assert (np.linalg.norm(points[:, :3], axis=1) < 1.2 * 20 * pixel_um + 0.5).all()
        assert np.std(points[:, 2]) > 0.25 * 20 * pixel_um, "a cell is no disc"


def test_a_granule_stays_in_one_piece_and_a_stain_fills_the_cell() -> None:
    spot, whole = 100 * np.exp(-0.5 * (radius_px(6, 6) / 1.5) ** 2).astype(np.float32), disc(20)
    spot[spot < 3] = 0
    thickness = thickness_um(whole > 0.5, PIXEL_UM)
    rng = np.random.default_rng(2)
    depths = [granules_of(spot, thickness, (47.5, 47.5), PIXEL_UM, rng)[:, 2] for _ in range(20)]
    assert max(np.ptp(depth) for depth in depths) < 0.51
    assert np.std([depth.mean() for depth in depths]) > 1.0
    stain = stain_of(whole, thickness, (47.5, 47.5), PIXEL_UM, rng)
    middle = stain[np.hypot(stain[:, 0], stain[:, 1]) < 2]
    counts, _ = np.histogram(middle[:, 2], bins=6, range=(-6, 6))
    assert counts.min() > 0.7 * counts.max()


def test_a_stack_keeps_its_light_where_it_is() -> None:
    rng = np.random.default_rng(3)
    volume = rng.random((40, 60, 50)).astype(np.float32)
    voxel_um = (0.3, 0.2, 0.25)
    points = points_of_volume(volume, voxel_um)
    assert len(points) <= MOST_POINTS
    assert points[:, 3].sum() == pytest.approx(volume.sum(), rel=1e-4)
    for axis in range(3):
        place = (np.arange(volume.shape[axis]) - (volume.shape[axis] - 1) / 2) * voxel_um[axis]
        profile = volume.sum(axis=tuple({0, 1, 2} - {axis}))
        mean = (points[:, axis] * points[:, 3]).sum() / points[:, 3].sum()
        assert mean == pytest.approx((place * profile).sum() / profile.sum(), abs=1e-3)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (1, 0, 2), (2, 1, 0)])
def test_a_stack_is_projected_along_the_view(axes: tuple[int, int, int]) -> None:
    volume = np.zeros((30, 24, 20), np.float32)
    volume[4:26, 6:18, 7:13] = 1.0
    voxel_um = (0.5, 0.5, 0.5)
    scale = typical_scale([RawCell(volume=volume)], voxel_um, "box")
    rng = np.random.default_rng(0)
    box = make_phantom(RawCell(volume=volume), voxel_um, scale, rng, kind="box", index=0, name="box")
    dark = -np.log(np.abs(box.field(View(axes, (0.0, 0.0), 80, 0.25, 488.0))) ** 2)
    assert (np.count_nonzero(dark[:, 40] > 0.05), np.count_nonzero(dark[40] > 0.05)) == pytest.approx(
        tuple(2 * (22, 12, 6)[axis] for axis in axes[:2]), abs=2
    )
    assert dark[40, 40] == pytest.approx(0.35 * (22, 12, 6)[axes[2]] / 22, rel=0.02)


def test_brightness_follows_the_light_of_the_collection() -> None:
    raws = [with_darkfield(scale) for scale in (1.0, 2.0, 4.0)]
    scale = typical_scale(raws, (PIXEL_UM,) * 3, "x")
    cells = [phantom(raw, scale, seed) for seed, raw in enumerate(raws)]
    levels = [float(cell.scatterers[:, 3].sum()) for cell in cells]
    np.testing.assert_allclose(levels, TYPICAL_SIDE_SCATTER_UM2 * np.array([0.5, 1.0, 2.0]), rtol=0.03)
    glows = [float(cell.fluorophores[:, 3].sum()) for cell in cells]
    np.testing.assert_allclose(glows, [0.5, 1.0, 2.0], rtol=0.03)
    assert cells[0].facts["side_scatter_um2"] == pytest.approx(levels[0])


def test_without_a_darkfield_structure_scatters_and_smooth_cells_do_not() -> None:
    rng = np.random.default_rng(4)
    grains = 1 - 0.25 * disc(12) * (1 + 0.5 * rng.standard_normal((N, N)))
    smooth = 1 - 0.25 * disc(12)
    light = [
        cut_out(RawCell(transmission=(230 * image).astype(np.float32)), PIXEL_UM, "x") for image in (grains, smooth)
    ]
    inside = distance_px(light[1].mask, 9.0) > 5
    assert light[0].side_light[inside].sum() > 50 * light[1].side_light[inside].sum()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (RawCell(transmission=np.full((60, 60), 200, np.float32)), "shows no cell at its middle"),
        (RawCell(transmission=np.zeros((60, 60), np.float32)), "has no bright background"),
        (RawCell(transmission=np.full((1500, 60), 9, np.float32)), "450 um wide; cut it to one cell"),
        (RawCell(side_scatter=np.zeros((60, 60), np.float32)), "has no brightfield image"),
        (RawCell(volume=np.ones((9, 9, 9), np.float32)), "shows no cell"),
    ],
)
def test_what_is_no_image_of_a_cell_is_refused(raw: RawCell, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        phantom(raw)


def test_nobody_is_told_a_refractive_index_that_is_not_known() -> None:
    with pytest.raises(ConfigError, match="use the image level L0"):
        phantom().index_step(16, 0.5)


def with_darkfield(scale: float) -> RawCell:
    dark = 20 + np.random.default_rng(0).normal(0, 1, (N, N)) + 300 * scale * disc(3, 2, 2)
    glow = 50 + np.random.default_rng(1).normal(0, 1, (N, N)) + 200 * scale * disc(9)
    return RawCell(cell_image(), dark.astype(np.float32), glow.astype(np.float32))


def phantom(raw: RawCell | None = None, scale: Scale | None = None, seed: int = 0):
    raw = with_darkfield(1.0) if raw is None else raw
    return make_phantom(
        raw,
        (PIXEL_UM,) * 3,
        scale or Scale(1.0, 1.0, 1.0),
        np.random.default_rng(seed),
        kind="disc",
        index=3,
        name="cell 3",
    )
