"""The process of a run: workers of torchrun, interrupts, the heap."""
