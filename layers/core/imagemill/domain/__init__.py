"""What jobs, products and images are, and the rules that need nothing but values. Imports nothing above it."""
