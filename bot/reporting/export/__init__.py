"""Mixed answers as files, with a codebook."""
