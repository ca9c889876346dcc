"""The guard: whatever of others is fetched or called goes this way, to public addresses alone, and bounded."""
