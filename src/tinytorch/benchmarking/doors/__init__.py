"""The names that users of the course of the same name know; each is a thin door to the measurement."""
