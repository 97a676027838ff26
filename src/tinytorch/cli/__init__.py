"""The command line, one file a command; the only floor that prints."""
