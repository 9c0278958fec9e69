"""Pictures: numpy and OpenCV in, uint8 RGB out."""
