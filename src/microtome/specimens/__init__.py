"""Small models that come with microtome and whose truth is known."""
