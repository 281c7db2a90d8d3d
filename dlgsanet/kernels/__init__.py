"""Fast forms of the network's operators for training: the same numbers up to rounding, chosen by name."""

KERNELS = ("auto", "plain", "c", "triton")  # what run.kernels may say
