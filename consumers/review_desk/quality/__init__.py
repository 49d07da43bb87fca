"""Whether answers hold: samples, known answers, agreement, disputes, patterns of failure."""
