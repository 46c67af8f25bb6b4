"""Values to bytes and back: numbers packed, plain trees, pickles only where a reader allows them."""
