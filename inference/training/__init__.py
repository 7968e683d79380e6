"""Making bundles; needs the extra `train` (torch, onnx, scikit-learn), which acquisition computers do not.

- `options`: everything that can be chosen; `data`: images with labels, split by run; `stacks`, `unnamed_file`,
  `set_archive`: images that need not be in memory
- `sprites`: drawn images of which every factor is known
- `models`: the autoencoder of paper A; `augment`, `checkpoint`, `fit`: how it is trained
- `mixture`: clusters on its latent; `refit`: the same, fitted again to a run; `identity`: which is which
- `heads`: classes on its latent; `calibration`: their probabilities; `thresholds`: what is set on the validation run
- `novelty`: five scores and the choice among them, `relative` and `doubt` being two of their parts; `novelty_modules`:
  the same for the graph
- `graphs`, `export`: the trained parts as two ONNX graphs; `reference`: their saliency by autograd, to check against
- `scores`, `controls`, `evaluate`: how well it does, and whether for the right reason
- `train`: all of it in one call
"""
