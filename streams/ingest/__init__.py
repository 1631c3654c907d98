"""Text from outside becomes events of `news.article.published`, unchanged and acknowledged."""
