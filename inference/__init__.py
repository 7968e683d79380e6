"""From images to answers, live.

At run time (no torch):

- `results`: what a bundle says of a batch of cells
- `contract`, `bundle`: a model as one checked file; `shipped`: those that come with Lightline, and which one is taken
- `engine`: a bundle's graphs answering and explaining; `provider`: the hardware they really run on; `graph_check`:
  whether they keep the contract
- `report`: a bundle in words
- `hot_map`: what becomes of an answer while a part of the cell is covered, as in paper C
- `saliency`: pictures of cells and of what mattered in them
- `dispatcher`, `worker`: batches out to workers and answers back over ZeroMQ; `assignments` says who gets what,
  `messages` and `wire` what they say to each other, `address` where they meet; `keys`, `admission` and `entrance` who
  may join from other computers
- `errors`: what can go wrong

`training` makes bundles, `evaluation` judges them; both need the extra `train`.
"""

import logging

# Whoever uses Lightline as a library decides what becomes of its log; without this, warnings would go to stderr.
logging.getLogger("lightline").addHandler(logging.NullHandler())
