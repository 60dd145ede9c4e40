//! Named tasks, each on a thread of its own: the first failure stops the rest.
