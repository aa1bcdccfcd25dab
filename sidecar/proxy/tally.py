"""The worker's counters in shared memory, by what they mean."""
