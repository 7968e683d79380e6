"""Bundles and makers to reprocess runs of known events with."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from line_parts import KnownBundle, KnownTransform, known_makers

from service.runs.arming import Makers


class OwnBundle(KnownBundle):
    """The model of `live_folder`."""

    contract = SimpleNamespace(
        **{**vars(KnownBundle.contract), "conformal": SimpleNamespace(least_probability=(0.5, 0.2))}
    )


class OtherBundle(OwnBundle):
    digest = "e" * 64


def makers(bundle: type[KnownBundle] = OtherBundle, transform: type = KnownTransform) -> Makers:
    known = known_makers(lambda: None)
    return replace(known, bundle=lambda name, instrument: bundle(), transform=transform)
