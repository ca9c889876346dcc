"""The rules of jobs, products and images. Knows AWS only through `imagemill.adapters`."""
