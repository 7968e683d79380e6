"""What is said of a run beside its rows, the same in every format."""

from __future__ import annotations

from service.export.selection import Selection


def about(wanted: Selection) -> dict[str, str]:
    """Return who the run is and what of it is here, by word: run, origin, instrument, pipeline, bundle and so on."""
    run, answered = wanted.run, wanted.results.about
    return {
        "run": run.id,
        "origin": run.origin.value.upper(),
        "source": run.source,
        "instrument": run.instrument.name,
        "instrument_kind": run.instrument.kind,
        "results": answered.name,
        "pipeline": answered.pipeline,
        "pipeline_id": answered.pipeline_id,
        "bundle": answered.bundle,
        "bundle_digest": answered.bundle_digest,
        "started_at": run.started_at,
        "ended_at": run.ended_at or "",
        "software": f"lightline {run.software.get('lightline', '')}".strip(),
        "events": "rejected" if wanted.rejected else "cells",
        "filter": wanted.where or "",
    }
