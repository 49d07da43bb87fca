"""Schema registry of production: any with Confluent's HTTP interface (Apicurio, Confluent)."""
