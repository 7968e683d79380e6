"""An evaluation as one HTML file that needs nothing else: no network, no script, its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from inference.contract import Contract
from inference.evaluation.agreement import Agreement
from inference.evaluation.assess import Assessment
from service.report.evaluation_pictures import Gallery, Pictures

_STYLE = """
:root { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; color: #16202a;
  font-variant-numeric: tabular-nums; }
body { margin: 0 auto; max-width: 1080px; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 8px; border-bottom: 1px solid #d9dee4; }
h3 { font-size: 15px; margin: 18px 0 4px; }
p { margin: 6px 0 10px; max-width: 78ch; } .muted { color: #56636f; }
.warn { background: #fff1d6; color: #704600; padding: 8px 12px; border-radius: 6px; max-width: none; }
table { border-collapse: collapse; margin: 8px 0 16px; }
caption { text-align: left; color: #56636f; padding: 4px 0; min-width: 60ch; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid #e4e8ec; text-align: right; }
th { vertical-align: bottom; max-width: 16ch; } th:first-child, td:first-child { text-align: left; }
tr.own td { font-weight: 650; }
img { max-width: 100%; } .beside { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
.gallery { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 12px; } .gallery span { display: inline-flex; }
.gallery img { width: 80px; height: 80px; image-rendering: pixelated; background: #eee; }
"""


def page(numbers: Assessment, contract: Contract, pictures: Pictures) -> str:
    """Return the whole page."""
    parts = [
        _head(numbers, contract),
        _against_truth(numbers, pictures),
        _factors(numbers, pictures),
        _embedding(pictures),
        _galleries(numbers, pictures.galleries),
        _faithfulness(numbers),
        _masks(numbers),
        f"<h2>Where the model comes from</h2><p>{escape(contract.command)}</p>"
        f"<p class=muted>digest {escape(numbers.digest)}</p>",
    ]
    title = f"Evaluation of {escape(numbers.bundle)}"
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title>"
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _head(numbers: Assessment, contract: Contract) -> str:
    adjective = numbers.origin.adjective
    groups = ", ".join(f"{name} {share:.0%}" for name, share in numbers.cluster_share.items())
    html = (
        f"<h1>{escape(numbers.bundle)}</h1><p class=muted>{escape(numbers.model)} for "
        f"{escape(contract.instrument_kind)}, judged on {numbers.cells} {adjective}cells, {numbers.labelled} of them "
        f"with a label, of {escape(', '.join(numbers.runs))}.</p>"
        f"<p>Clusters: {escape(groups)}. Unlike the training cells: {numbers.novel_share:.1%} "
        f"(expected of ordinary cells: {contract.novelty.false_reject_rate:.1%}).</p>"
    )
    if numbers.learnt_runs:
        html += (
            f"<p class=warn>The model was trained or stopped on {escape(', '.join(numbers.learnt_runs))}: figures on "
            "these runs are too good.</p>"
        )
    return html


def _against_truth(numbers: Assessment, pictures: Pictures) -> str:
    kinds = [("clusters", numbers.clusters), ("classes", numbers.classes)]
    known = [(name, found) for name, found in kinds if found is not None]
    if not known:
        return "<h2>Against the truth</h2><p>The cells have no labels, or all the same one.</p>"
    rows = [(f"the model's {name}", found, "own") for name, found in known]
    rows += [(name.replace("_", " "), found, "") for name, found in numbers.controls.items()]
    summary = _table(
        "Simple controls were fitted to " + (numbers.controls_fitted_to or "nothing: give runs with --controls-from"),
        ["", "balanced accuracy", "macro F1", "accuracy"],
        [([name, *map(_share, (f.balanced_accuracy, _macro_f1(f), f.accuracy))], kind) for name, f, kind in rows],
    )
    html = f"<h2>Against the truth</h2>{summary}"
    for name, found in known:
        scores = [([s.name, str(s.cells), *map(_share, (s.precision, s.recall, s.f1))], "") for s in found.classes]
        table = _table("", ["", "cells", "precision", "recall", "F1"], scores)
        html += f"<div class=beside>{_image(pictures.confusions[name], f'Confusion matrix of {name}')}{table}</div>"
    return html + (
        "<p class=muted>A cluster is named after the class that the best one-to-one matching gives it (Hungarian, on "
        "the matrix normalised by rows).</p>"
    )


def _embedding(pictures: Pictures) -> str:
    return f"<h2>Embedding</h2>{_image(pictures.embedding, 'Embedding coloured by truth and by cluster')}"


def _galleries(numbers: Assessment, galleries: Iterable[Gallery]) -> str:
    html = "<h2>What the model sees</h2><p>Each cell beside the evidence for what the model takes it for; cells are "
    html += "the first of each group. Volumes are shown as maxima along x.</p>"
    for gallery in galleries:
        html += f"<h3>{escape(gallery.title)}</h3><div class=gallery>"
        for plain, over in gallery.cells:
            html += f"<span>{_image(plain, 'cell')}{_image(over, 'evidence')}</span>"
        html += "</div>"
    return html + f"<p class=muted>The maps explain {escape(', '.join(numbers.map_targets))}.</p>"


def _factors(numbers: Assessment, pictures: Pictures) -> str:
    if not pictures.along_factors and numbers.factors is None:
        return ""
    html = "<h2>Factors</h2>"
    if (found := numbers.factors) is None:
        html += "<p>Nothing is known of the cells' true factors, so that nobody can say what the answers are worth.</p>"
    else:
        names = [factor.name for factor in found.factors]
        html += _table(
            f"Rank correlation of answers with the truth of {found.cells} cells: a factor's own should be near 1, the "
            "others' near 0",
            ["answer", *names, "best plain measure of the image", "mutual information gap"],
            [
                ([f.name, *(f"{f.correlations[name]:.2f}" for name in names), f"{f.plain_measure:.2f}",
                  f"{f.mutual_information_gap:.2f}"], "")
                for f in found.factors
            ],
        )  # fmt: skip
        html += (
            f"<p>Of the answers together: disentanglement {found.disentanglement:.2f}, completeness "
            f"{found.completeness:.2f}, informativeness {found.informativeness:.2f} (boosted trees).</p>"
        )
    html += "<p>Cells that were seen, from little to much of each factor by its answer, the others nearly held:</p>"
    for name, strip in pictures.along_factors.items():
        html += f"<h3>{escape(name)}</h3>{_image(strip, f'Cells along {name}')}"
    return html


def _faithfulness(numbers: Assessment) -> str:
    if not numbers.maps:
        return "<h2>Can the maps be trusted?</h2><p>This was not measured.</p>"
    orders = _table(
        "Area under the target's probability while the image is emptied (deletion: small is good) or filled "
        "(insertion: large is good), the most important places first",
        ["order", "deletion", "insertion", "own map is better in"],
        [
            ([o.order, f"{o.deletion:.3f}", f"{o.insertion:.3f}", _share(o.beaten)], "own" if o.beaten is None else "")
            for o in numbers.orders
        ],
    )
    maps = _table(
        "Agreement of each channel's map with other measures",
        ["channel", "share inside the cell", "of an even map", "of a spot in the middle", "rank correlation with "
         "occlusion", "of a spot in the middle", "share of occlusion inside the cell",
         "correlation after moving by a pixel"],
        [
            (
                [name, _share(m.inside), _share(m.area), _share(m.inside_of_centre),
                 *map(_number, (m.occlusion, m.occlusion_of_centre)), _share(m.occlusion_inside), _number(m.moved)],
                "",
            )
            for name, m in numbers.maps.items()
        ],
    )  # fmt: skip
    rows = [
        ([depth, name, _number(value)], "")
        for depth, values in numbers.shuffled_weights.items()
        for name, value in values.items()
    ]
    shuffled = _table(
        "Rank correlation of maps with those of the model with its weights shuffled: near 0 is good",
        ["shuffled", "channel", "correlation"],
        rows,
    )
    return (
        f"<h2>Can the maps be trusted?</h2><p>Measured on {numbers.map_cells} cells drawn at random; "
        f"{numbers.empty_maps} with an empty map are left out. A map is worth something only where it does better than "
        f"what knows nothing of the cell.</p>{orders}{maps}{shuffled if rows else ''}"
    )


def _masks(numbers: Assessment) -> str:
    if not numbers.masks:
        return ""
    rows = [
        ([m.protocol, m.predicts, _share(m.balanced_accuracy), _share(m.chance), str(m.cells)], "")
        for m in numbers.masks
    ]
    headings = ["map", "told from masks alone", "balanced accuracy", "chance", "cells"]
    return (
        "<h2>What masks prove</h2><p>Maps thresholded at half their maximum; a forest of trees tells the class from "
        "the mask alone, in five folds. A map is made with the weights of the class that it is for and so carries its "
        "name whatever the cell looks like: the first line says no more than control A. Only the maps of one class, "
        f"always (control B), can speak of the cells.</p>{_table('', headings, rows)}"
    )


def _macro_f1(found: Agreement) -> float:
    present = [score.f1 for score in found.classes if score.cells]
    return sum(present) / len(present)


def _table(caption: str, headings: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        f'<tr class="{kind}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells, kind in rows
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _image(png: bytes, alt: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
