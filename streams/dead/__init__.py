"""The letters of `news.article.dead`: read, shown, and sent once more as new inputs."""
