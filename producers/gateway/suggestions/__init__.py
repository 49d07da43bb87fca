"""Suggestions of communities while an address is typed.

A home of its own beside the resolver of `streams/enrichment`: that one weighs a whole address and corrects errors, this
one answers each key stroke by exact beginnings, within a bounded time, and is asked by people who choose themselves.
What both share is the spelling (`schemas.domain.normalise`) and the sound (`schemas.domain.pinyin`) of names.
"""
