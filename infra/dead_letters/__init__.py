"""The dead letters, for the people who look after them: read, counted, shown masked, and replayed."""
