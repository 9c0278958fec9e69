"""What a user did wrong, said in one line."""


class UsageError(Exception):
    """Printed as one line; the command ends with status 2."""
