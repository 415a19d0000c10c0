"""One TOML file per publication: value, unit, origin, source, valid range."""
