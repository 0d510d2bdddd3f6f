"""How nano was made: scenes, captions and stages of training, each one resumable command. See README.md."""
