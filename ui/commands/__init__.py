"""Commands of `wardround`, one small file per group."""
