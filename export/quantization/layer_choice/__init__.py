"""Which layers of a network become INT8, by measurement where it can be had."""
