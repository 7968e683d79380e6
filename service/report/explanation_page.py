"""Why bundles say what they say, as one HTML file: cells and classes, each with all that there is side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from inference.evaluation.assess import Assessment
from inference.evaluation.explained import Asked, CellExplained, ClassExplained
from inference.evaluation.side_by_side import CellMaps, MapsSideBySide
from inference.evaluation.told import SetsApart, Told
from inference.evaluation.ways import Way
from inference.saliency import normalise_map, upsample_map
from service.report.evaluation_drawing import cell_pictures
from service.report.faithfulness import faithfulness
from service.report.html import image, number, share, table, whole_page

_TITLES = {
    Way.GRADIENT: "the bundle's own map",
    Way.OCCLUSION: "occlusion",
    Way.COVERING: "covering",
}
_HOW = (
    "The bundle's own map is by gradients ({method}) and has {places} places; occlusion is what of the target's log "
    "probability is lost as each patch is emptied; covering what of its probability is lost while a square hides the "
    "place (reverse probability). Maps lie over {channel}. A map is worth something only where it does better than "
    "what knows nothing of the cell."
)
_ALL_STAYS = 0.95
"""Of the probability, on the whole way from the image to an empty one."""


def explanation_page(
    asked: Sequence[Asked],
    numbers: Assessment,
    cells: Sequence[CellExplained],
    classes: Sequence[ClassExplained],
) -> str:
    """Return the whole page.

    Parameters
    ----------
    asked
        The bundles; classes are those of the first.
    numbers
        How well the first does, and what its maps are worth on cells drawn at random.
    cells, classes
        What is explained.
    """
    first = asked[0]
    spec = first.contract.saliency[0]
    others = ", ".join(one.contract.name for one in asked[1:])
    places = " x ".join(map(str, spec.shape))
    how = _HOW.format(method=spec.method.replace("_", "-"), places=places, channel=spec.channel.replace("_", " "))
    head = (
        f"<h1>Why {escape(first.contract.name)} says so</h1><p class=muted>{numbers.cells} "
        f"{numbers.origin.adjective}cells of {escape(', '.join(numbers.runs))}"
        f"{f'; beside it, of the same cells, {escape(others)}' if others else ''}.</p><p>{escape(how)}</p>"
    )
    told = [one for one in asked if one.told()]
    if not told:
        head += "<p class=warn>None of these bundles names concepts or factors; give one that does with --beside.</p>"
    parts = [head, *(_class(found, first) for found in classes), *(_cell(found, asked) for found in cells)]
    return whole_page(f"Explanation by {first.contract.name}", [*parts, faithfulness(numbers)])


def _class(found: ClassExplained, first: Asked) -> str:
    typical = "".join(f"<span>{_cell_image(first, row)}</span>" for row in found.typical)
    pictures = (
        f"<figure>{image(_mean_pictures(found.maps, None), 'mean image')}<figcaption>mean image</figcaption></figure>"
    )
    for way in Way:
        over = image(_mean_pictures(found.maps, way), f"mean map by {way}")
        pictures += f"<figure>{over}<figcaption>{_TITLES[way]}</figcaption></figure>"
    return (
        f"<h2>Taken for {escape(found.name)}: {found.cells} cells</h2>"
        f"<h3>The most typical, nearest to their middle in the embedding</h3><div class=gallery>{typical}</div>"
        f"<h3>Means over {found.numbers.cells} of them, drawn at random</h3><div class=ways>{pictures}</div>"
        f"{_trust(found.numbers)}{_marks(found.marks)}"
    )


def _cell(found: CellExplained, asked: Sequence[Asked]) -> str:
    truth = f", truly {escape(found.label)}" if found.label else ""
    html = f"<h2>Cell {found.row}{truth}</h2>"
    for one, maps, numbers in found.maps:
        probability = _probability(one, found.row)
        plain = image(cell_pictures(maps.image, maps.maps[Way.GRADIENT])[0], "cell")
        pictures = f"<figure>{plain}<figcaption>image</figcaption></figure>"
        for way in Way:
            over = image(cell_pictures(maps.image, maps.maps[way])[1], f"map by {way}")
            note = "" if maps.maps[way].any() else ": nothing found"
            pictures += f"<figure>{over}<figcaption>{_TITLES[way]}{note}</figcaption></figure>"
        html += (
            f"<h3>{escape(one.contract.name)}: {escape(numbers.target)} {probability:.1%}</h3>"
            f"<div class=ways>{pictures}</div>{_trust(numbers)}"
        )
    return html + _told_of(found.row, asked)


def _told_of(row: int, asked: Sequence[Asked]) -> str:
    told = [each for one in asked for each in one.told()]
    if not told:
        return ""
    headings = ["bundle", "concept or factor", "of this cell", "of all cells, have less", "on test runs"]
    rows = [
        [one.bundle, one.name, f"{one.values[row]:.3g}", share(float(one.place[row])), number(one.held_out)]
        for one in told
    ]
    truths = [_truth(one, row) for one in told]
    if any(truths):
        headings.append("truth")
        rows = [[*cells, truth] for cells, truth in zip(rows, truths, strict=True)]
    caption = (
        "Concepts in units of spread, 0 is an ordinary cell; factors in their own units. On test runs: how well it "
        "ranks cells, of concepts the area under the curve (chance .5), of factors the rank correlation (chance 0)"
    )
    return table(caption, headings, [(cells, "") for cells in rows], words=2)


def _truth(told: Told, row: int) -> str:
    return "" if told.truth is None or not np.isfinite(told.truth[row]) else f"{told.truth[row]:.3g}"


def _trust(numbers: MapsSideBySide) -> str:
    ways = table(
        f"{_outline(numbers)}. Areas under the target's probability are those of emptying the image (deletion: small "
        f"is good), or filling it (insertion: large), in the order of the map.{_empty(numbers)}",
        ["map", "share inside the cell", "deletion", "insertion", "better than a random map", "empty"],
        [
            ([_TITLES[one.way], share(one.inside), number(one.deletion), number(one.insertion),
              share(one.better_than_random), f"{one.empty} of {numbers.cells}"], "")
            for one in numbers.ways
        ],
    )  # fmt: skip
    several = numbers.cells > 1
    headings = ["maps", "rank correlation", "random maps stay below (95 %)", "overlap"]
    pairs = table(
        "Agreement, patch by patch; the most important fifth overlaps by a fifth by chance",
        [*headings, "rank correlation with another cell's map"] if several else headings,
        [
            ([f"{_TITLES[pair.first]}, {_TITLES[pair.second]}", number(pair.correlation), number(pair.of_random),
              share(pair.overlap), *([number(pair.of_another_cell)] if several else [])], "")
            for pair in numbers.pairs
        ],
    )  # fmt: skip
    return f"<div class=beside>{ways}{pairs}</div>"


def _empty(numbers: MapsSideBySide) -> str:
    """Return a warning where no order of places matters, as the target stays when all are emptied."""
    areas = [area for one in numbers.ways for area in (one.deletion, one.insertion) if area is not None]
    if not areas or min(areas) < _ALL_STAYS:
        return ""
    return " Here an empty image is taken for the same, so that neither says anything, nor does being better by them."


def _outline(numbers: MapsSideBySide) -> str:
    if not numbers.outlined:
        return "No cell could be told from what is around it, so that nobody can say what lies inside"
    several = f" (of the {numbers.outlined} of {numbers.cells} that can be outlined)"
    some = several if numbers.outlined < numbers.cells else ""
    return (
        f"The cell{some} fills {share(numbers.area)} of the image, which is what an even map has inside it; a spot in "
        f"the middle has {share(numbers.inside_of_centre)}"
    )


def _marks(marks: Sequence[SetsApart]) -> str:
    if not marks:
        return ""
    rows = [
        ([mark.bundle, mark.name, f"{mark.mean:.3g}", f"{mark.mean_of_others:.3g}", number(mark.area),
          f"{0.5 - mark.by_chance:.2f} to {0.5 + mark.by_chance:.2f}"],
         "own" if abs(mark.area - 0.5) > mark.by_chance else "")
        for mark in marks
    ]  # fmt: skip
    return table(
        "What sets them apart: how often one of these has more of it than one of the others; bold is beyond chance",
        ["bundle", "concept or factor", "mean of these", "mean of the others", "area under the curve", "by chance"],
        rows,
        words=2,
    )


def _cell_image(asked: Asked, row: int) -> str:
    channel = asked.contract.saliency[0].channel
    stack = asked.cells.as_given(slice(row, row + 1))[channel]
    return image(cell_pictures(stack[0], np.zeros_like(stack[0]))[0], f"cell {row}")


def _mean_pictures(cells: Sequence[CellMaps], way: Way | None) -> bytes:
    """Return the mean image, or the mean of the maps of one way over it, each map by its own maximum."""
    mean = np.asarray(np.mean([cell.image for cell in cells], axis=0), dtype=np.float32)
    if way is None:
        return cell_pictures(mean, np.zeros_like(mean))[0]
    maps = np.stack([upsample_map(cell.maps[way], mean.shape) for cell in cells])
    return cell_pictures(mean, np.asarray(normalise_map(maps)[0].mean(axis=0), dtype=np.float32))[1]


def _probability(one: Asked, row: int) -> float:
    of_classes = one.contract.targets == one.contract.classes
    found = one.results.class_probability if of_classes else one.results.cluster_posterior
    return float(found[row].max())
