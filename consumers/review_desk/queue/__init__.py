"""Who gets which task: how tasks come in and move, presence, assignment, dispatch."""
