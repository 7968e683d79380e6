"""Networks that many know, with weights that are passed on: `resnet`, `vgg`, and how they become blocks of an encoder.

`weights_file` reads weights, `inflation` makes them fit other than three channels, `neck` leads on to the latent, and
`blocks` puts it together.
"""
