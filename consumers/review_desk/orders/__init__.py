"""工单: what channels want besides a value, its clocks, and the one answer that goes back."""
