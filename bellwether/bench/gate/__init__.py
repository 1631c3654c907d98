"""How often the gate errs: planted challengers, good and bad, judged again and again."""
