"""Labels that people submit: kept, told apart and chosen from."""
