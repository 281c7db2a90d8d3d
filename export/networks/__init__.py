"""What can be exported: one small typed thing for each family of networks."""
