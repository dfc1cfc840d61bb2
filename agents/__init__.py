"""Roles of the ward: what each is told, what it must return, which tools it has, how votes are counted."""
