"""What a graph may be made of: standard operators of a version that is known, and finite weights of its own."""

from __future__ import annotations

from inference.errors import BundleError
from inference.onnx_file import OnnxError, OnnxSummary, summarise

OPSETS = range(13, 22)
"""From the first one with today's reductions to the last one that ONNX Runtime 1.20 knows."""
_STANDARD = ("", "ai.onnx")


def check_graph_file(data: bytes, opset: int, name: str) -> OnnxSummary:
    """Check a graph before it is opened.

    Parameters
    ----------
    data
        The ONNX file.
    opset
        Version of the operators that the contract promises.
    name
        Of the graph and its bundle, for the sentence.

    Raises
    ------
    BundleError
        If the file is not ONNX, uses other operators than the standard ones of the promised version, keeps weights in
        other files, or has weights that are not finite.
    """
    try:
        summary = summarise(data)
    except OnnxError as error:
        raise BundleError(f"{name} is damaged: {error}.") from None
    if summary.external:
        raise BundleError(f"{name} is refused: it keeps weights in files outside the bundle.")
    foreign = sorted({domain for domain, _ in summary.operators} - set(_STANDARD))
    if foreign or summary.functions:
        whose = f"of '{foreign[0][:80]}'" if foreign else "that it defines itself"
        raise BundleError(f"{name} is refused: it uses operators {whose}, not only those of the ONNX standard.")
    if not summary.operators:
        raise BundleError(f"{name} is damaged: it computes nothing.")
    found = {version for domain, version in summary.opsets.items() if domain in _STANDARD}
    if found != {opset} or opset not in OPSETS:
        versions = ", ".join(map(str, sorted(found))) or "none"
        raise BundleError(
            f"{name} is refused: its operator set is {versions}, but the contract says {opset}, and this version reads "
            f"{OPSETS[0]} to {OPSETS[-1]}."
        )
    if summary.unsound:
        raise BundleError(f"{name} is damaged: {summary.unsound} of its {summary.weights} weights are not finite.")
    return summary
