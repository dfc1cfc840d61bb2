"""The case record and what reads it: media, loaders, de-identification, answer grammars, errors."""
