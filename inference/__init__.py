"""From images to answers: `results` is what a bundle says of a batch of cells."""
