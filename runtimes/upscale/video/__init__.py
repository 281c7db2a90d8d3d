"""One video in, one upscaled video out: in segments, so that an interrupted run goes on. PyAV is imported when used."""
