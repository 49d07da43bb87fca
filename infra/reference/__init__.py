"""Reading tables of communities, deals and coverage by a mapping, row by row, with a reason for every refused row."""
