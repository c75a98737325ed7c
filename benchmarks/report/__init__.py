"""The kernel speed report: ours beside peers, in turn, each answer held to a gate before anything is timed."""
