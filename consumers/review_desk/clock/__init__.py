"""Clocks of open tasks: warnings, breaches, escalations, and what a waiting channel is told."""
