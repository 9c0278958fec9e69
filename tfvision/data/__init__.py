"""One data set per file, read into arrays; `stream` makes the endless batches of a training."""
