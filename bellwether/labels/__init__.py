"""Labels between files, people and the topic."""
