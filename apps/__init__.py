"""One module per application: `tfvision train <name>` runs apps/<name>.py."""
