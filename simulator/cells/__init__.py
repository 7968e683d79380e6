"""What flows: cells, particles and real images, as bodies that delay light and points that scatter and glow."""
