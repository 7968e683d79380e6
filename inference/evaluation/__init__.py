"""How well a bundle does, and whether for the right reason; needs the extra `train`, but mostly not PyTorch.

- `answers`: what a bundle says of a set of cells
- `agreement`: clusters and classes against the truth, class by class
- `baselines`: what needs no model, fitted to other runs than it is scored on
- `cell_masks`: where the cell is in an image or a volume, and how much of a map lies there
- `correlation`: of maps, cell by cell
- `perturbed`: images with some places made empty, or moved by a pixel
- `occlusion`: what an answer loses while a place is empty; `ways`: one cell's maps by every way that there is
- `side_by_side`: whether these agree, and lie in the cell; `told`: concepts and factors that set cells apart;
  `explained`: all of it for a cell and for a class
- `faithfulness`: whether the places that a map names are those that the answer hangs on
- `altered_graphs`: the explain graph with other weights; `sanity`: whether maps notice
- `factors`: whether numbers that are called after factors say them, and cells along each
- `mask_study`: what masks of maps prove, which is little: paper A's study beside its controls
- `assess`: all of it in one call, as an `Assessment`
"""
