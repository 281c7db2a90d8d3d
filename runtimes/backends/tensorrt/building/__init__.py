"""Building engines on the device that will run them: options, the plan, the run."""
