"""One module per verb of the command `tfvision`; each gets the application's module passed in."""
