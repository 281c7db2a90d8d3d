"""Training images: where they come from, how they are kept, drawn and watched."""
