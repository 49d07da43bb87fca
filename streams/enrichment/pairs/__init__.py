"""Whether two written addresses mean the same unit, learned from labelled pairs."""
