"""Results, reports and notices back to the bank's systems: on their topics, by webhook, acknowledged, reconciled."""
