"""The embedded data sets: procedural, so that every command works offline and for ever."""
