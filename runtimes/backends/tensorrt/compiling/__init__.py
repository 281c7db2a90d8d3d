"""The compiler in a process of its own: preflight, worker, fixed addresses."""
