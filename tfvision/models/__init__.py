"""One system per file: its sub-networks and the keras.Model with its train_step."""
