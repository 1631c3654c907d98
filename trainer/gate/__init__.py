"""Whether a challenger may replace the champion: evidence in, a verdict with its reasons out."""
