"""What is measured, each in a process of its own: memory, environment and CPU time are then its alone."""
