"""From a cell as its file holds it to a phantom, with brightness in the units of the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acquisition.errors import ConfigError
from acquisition.real_images.raw import Floats, RawCell, Voxel
from simulator.cells.facts import facts
from simulator.cells.specimen import Specimen
from simulator.phantoms.depth import granules_of, points_of_volume, stain_of, thickness_um
from simulator.phantoms.flat_cell import FlatCell, cut_out
from simulator.phantoms.phantom import ImagePhantom, VolumePhantom

TYPICAL_SIDE_SCATTER_UM2 = 7.5e-4
"""Cross-section into the side objective of a cell with the median light of its collection: some three times a
lymphocyte's, as of a leukaemia line (an assumption; the light of the others keeps its proportion)."""
DENSEST_RAY = 0.35
"""Natural logarithm of what the densest ray through a stack of median light loses (an assumption)."""
VOLUME_FLOOR = 0.1
"""Voxels of a stack below this share of its brightest hundredth are empty."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Light of the median cell of a collection, in counts of its camera; NaN where there is none.

    Attributes
    ----------
    side, glow
        Sum of the scattered and of the fluorescent light.
    ray
        Sum along the densest ray of a stack, counts um.
    """

    side: float
    glow: float
    ray: float


def typical_scale(cells: Sequence[RawCell], voxel_um: Voxel, name: str) -> Scale:
    """Measure some cells of a collection; those that show none are passed over.

    Raises
    ------
    ConfigError
        If none of them shows a cell.
    """
    side, glow, ray, last = [], [], [], None
    for raw in cells:
        try:
            if raw.volume is not None:
                light = _lit(raw.volume, name)
                side.append(float(light.sum()))
                glow.append(side[-1])
                ray.append(float(max(light.sum(axis=k).max() * voxel_um[k] for k in range(3))))
                continue
            flat = cut_out(raw, voxel_um[1], name)
        except ConfigError as error:
            last = error
            continue
        side.append(float(flat.side_light.sum()))
        if flat.glow is not None:
            glow.append(float(flat.glow.sum()))
    if not side and last is not None:
        raise last
    return Scale(_median(side), _median(glow), _median(ray))


def make_phantom(
    raw: RawCell, voxel_um: Voxel, scale: Scale, rng: np.random.Generator, *, kind: str, index: int, name: str
) -> Specimen:
    """Make a phantom of a cell; `rng` decides the depths that a flat image does not have.

    Raises
    ------
    ConfigError
        If there is no cell at the middle of its image.
    """
    if raw.volume is not None:
        return _volume_phantom(raw.volume, voxel_um, scale, kind, index, name)
    flat = cut_out(raw, voxel_um[1], name)
    thickness = thickness_um(flat.mask, flat.pixel_um)
    place = (flat.centre_px, flat.pixel_um)
    scatterers = _scaled(granules_of(flat.side_light, thickness, *place, rng), TYPICAL_SIDE_SCATTER_UM2, scale.side)
    return ImagePhantom(
        kind=kind,
        diameter_um=flat.diameter_um,
        facts=_facts(scatterers, index),
        scatterers=scatterers,
        fluorophores=_fluorophores(flat, thickness, scale, rng),
        amplitude=np.sqrt(flat.transmission) - 1,
        centre_px=flat.centre_px,
        pixel_um=flat.pixel_um,
    )


def _fluorophores(flat: FlatCell, thickness: Floats, scale: Scale, rng: np.random.Generator) -> Floats:
    if flat.glow is None:
        return np.empty((0, 4), dtype=np.float32)
    return _scaled(stain_of(flat.glow, thickness, flat.centre_px, flat.pixel_um, rng), 1.0, scale.glow)


def _volume_phantom(volume: Floats, voxel_um: Voxel, scale: Scale, kind: str, index: int, name: str) -> VolumePhantom:
    light = _lit(volume, name)
    points = points_of_volume(light, voxel_um)
    scatterers = _scaled(points.copy(), TYPICAL_SIDE_SCATTER_UM2, scale.side)
    filled_um3 = float(np.count_nonzero(light)) * float(np.prod(voxel_um))
    return VolumePhantom(
        kind=kind,
        diameter_um=(6 * filled_um3 / np.pi) ** (1 / 3),
        facts=_facts(scatterers, index),
        scatterers=scatterers,
        fluorophores=_scaled(points, 1.0, scale.glow),
        volume=light,
        voxel_um=voxel_um,
        density=DENSEST_RAY / scale.ray,
    )


def _lit(volume: Floats, name: str) -> Floats:
    """Return a stack without its background, which the median of its outer faces tells."""
    faces = [volume.take(place, axis=axis).ravel() for axis in range(3) for place in (0, -1)]
    light = volume - np.float32(np.median(np.concatenate(faces)))
    floor = VOLUME_FLOOR * float(np.quantile(light, 0.99))
    if not floor > 0:
        raise ConfigError(f"The stack '{name}' shows no cell; leave it out.")
    return np.where(light > floor, light, 0).astype(np.float32)


def _facts(scatterers: Floats, index: int) -> dict[str, float]:
    return {**facts(side_scatter_um2=float(scatterers[:, 3].sum())), "source_index": float(index)}


def _scaled(points: Floats, level: float, typical: float) -> Floats:
    """Give points the brightness of the simulator: `level` for the light of the median cell."""
    if points.size and typical > 0:
        points[:, 3] *= level / typical
    return points


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
