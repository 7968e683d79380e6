"""How far the maps of a bundle can be trusted, as part of a page."""

from __future__ import annotations

from inference.evaluation.assess import Assessment
from service.report.html import number, share, table


def faithfulness(numbers: Assessment) -> str:
    """Return what the maps of a bundle are worth, each figure beside one that knows nothing of the cell."""
    if not numbers.maps:
        return "<h2>Can the maps be trusted?</h2><p>This was not measured.</p>"
    orders = table(
        "Area under the target's probability while the image is emptied (deletion: small is good) or filled "
        "(insertion: large is good), the most important places first",
        ["order", "deletion", "insertion", "own map is better in"],
        [
            ([o.order, f"{o.deletion:.3f}", f"{o.insertion:.3f}", share(o.beaten)], "own" if o.beaten is None else "")
            for o in numbers.orders
        ],
    )
    maps = table(
        "Agreement of each channel's map with other measures",
        ["channel", "share inside the cell", "of an even map", "of a spot in the middle", "rank correlation with "
         "occlusion", "of a spot in the middle", "share of occlusion inside the cell",
         "correlation after moving by a pixel"],
        [
            (
                [name, share(m.inside), share(m.area), share(m.inside_of_centre),
                 *map(number, (m.occlusion, m.occlusion_of_centre)), share(m.occlusion_inside), number(m.moved)],
                "",
            )
            for name, m in numbers.maps.items()
        ],
    )  # fmt: skip
    rows = [
        ([depth, name, number(value)], "")
        for depth, values in numbers.shuffled_weights.items()
        for name, value in values.items()
    ]
    shuffled = table(
        "Rank correlation of maps with those of the model with its weights shuffled: near 0 is good",
        ["shuffled", "channel", "correlation"],
        rows,
        words=2,
    )
    return (
        f"<h2>Can the maps be trusted?</h2><p>Measured on {numbers.map_cells} cells drawn at random; "
        f"{numbers.empty_maps} with an empty map are left out. A map is worth something only where it does better than "
        f"what knows nothing of the cell.</p>{orders}{maps}{shuffled if rows else ''}"
    )
