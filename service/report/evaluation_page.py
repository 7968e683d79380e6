"""An evaluation as one HTML file that needs nothing else: no network, no script, its pictures inside."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from inference.contract import Contract
from inference.evaluation.agreement import Agreement
from inference.evaluation.assess import Assessment
from service.report.evaluation_pictures import Gallery, Pictures
from service.report.faithfulness import faithfulness
from service.report.html import image, share, table, whole_page


def page(numbers: Assessment, contract: Contract, pictures: Pictures) -> str:
    """Return the whole page."""
    parts = [
        _head(numbers, contract),
        _against_truth(numbers, pictures),
        _factors(numbers, pictures),
        _embedding(pictures),
        _galleries(numbers, pictures.galleries),
        faithfulness(numbers),
        _masks(numbers),
        f"<h2>Where the model comes from</h2><p>{escape(contract.command)}</p>"
        f"<p class=muted>digest {escape(numbers.digest)}</p>",
    ]
    return whole_page(f"Evaluation of {numbers.bundle}", parts)


def _head(numbers: Assessment, contract: Contract) -> str:
    adjective = numbers.origin.adjective
    groups = ", ".join(f"{name} {part:.0%}" for name, part in numbers.cluster_share.items())
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
    summary = table(
        "Simple controls were fitted to " + (numbers.controls_fitted_to or "nothing: give runs with --controls-from"),
        ["", "balanced accuracy", "macro F1", "accuracy"],
        [([name, *map(share, (f.balanced_accuracy, _macro_f1(f), f.accuracy))], kind) for name, f, kind in rows],
    )
    html = f"<h2>Against the truth</h2>{summary}"
    for name, found in known:
        scores = [([s.name, str(s.cells), *map(share, (s.precision, s.recall, s.f1))], "") for s in found.classes]
        each = table("", ["", "cells", "precision", "recall", "F1"], scores)
        html += f"<div class=beside>{image(pictures.confusions[name], f'Confusion matrix of {name}')}{each}</div>"
    return html + (
        "<p class=muted>A cluster is named after the class that the best one-to-one matching gives it (Hungarian, on "
        "the matrix normalised by rows).</p>"
    )


def _embedding(pictures: Pictures) -> str:
    return f"<h2>Embedding</h2>{image(pictures.embedding, 'Embedding coloured by truth and by cluster')}"


def _galleries(numbers: Assessment, galleries: Iterable[Gallery]) -> str:
    html = "<h2>What the model sees</h2><p>Each cell beside the evidence for what the model takes it for; cells are "
    html += "the first of each group. Volumes are shown as maxima along x.</p>"
    for gallery in galleries:
        html += f"<h3>{escape(gallery.title)}</h3><div class=gallery>"
        for plain, over in gallery.cells:
            html += f"<span>{image(plain, 'cell')}{image(over, 'evidence')}</span>"
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
        html += table(
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
        html += f"<h3>{escape(name)}</h3>{image(strip, f'Cells along {name}')}"
    return html


def _masks(numbers: Assessment) -> str:
    if not numbers.masks:
        return ""
    rows = [
        ([m.protocol, m.predicts, share(m.balanced_accuracy), share(m.chance), str(m.cells)], "") for m in numbers.masks
    ]
    headings = ["map", "told from masks alone", "balanced accuracy", "chance", "cells"]
    return (
        "<h2>What masks prove</h2><p>Maps thresholded at half their maximum; a forest of trees tells the class from "
        "the mask alone, in five folds. A map is made with the weights of the class that it is for and so carries its "
        "name whatever the cell looks like: the first line says no more than control A. Only the maps of one class, "
        f"always (control B), can speak of the cells.</p>{table('', headings, rows, words=2)}"
    )


def _macro_f1(found: Agreement) -> float:
    present = [score.f1 for score in found.classes if score.cells]
    return sum(present) / len(present)
