"""What a supervisor sees and does: commands, notices, wallboard, roster, forecast."""
