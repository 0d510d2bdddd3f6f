"""Every stage of nano's training, rehearsed at sizes that take seconds."""
