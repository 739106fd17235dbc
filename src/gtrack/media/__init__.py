"""What is logged to be looked at, as bytes: images, figures, tables, histograms, sound; and checkpoints."""
