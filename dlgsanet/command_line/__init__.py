"""What all verbs share: a command line made from a dataclass of options, options from a file, and a voice."""
