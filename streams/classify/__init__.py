"""Published articles in, scored articles or dead letters out: the worker."""
