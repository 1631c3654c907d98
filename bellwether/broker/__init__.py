"""A real Apache Kafka on this machine, from Python packages and pinned jars alone."""
