"""Model repositories: a bundle's artifacts in the layout and configuration of a model server."""
