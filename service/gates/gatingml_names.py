"""Names of Gating-ML 2.0, the field's file of gates (Spidlen et al., Cytometry A 2015)."""

_BASE = "http://www.isac-net.org/std/Gating-ML/v2.0/"
GATING = f"{{{_BASE}gating}}"
TRANSFORMS = f"{{{_BASE}transformations}}"
DATATYPES = f"{{{_BASE}datatypes}}"
OURS = "{urn:lightline:gates}"
"""For what Gating-ML has no place: names that XML does not take as identifiers, and notes."""
