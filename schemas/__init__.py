"""The language of the house: events, topics, codes, and pure rules with several users. Imports nothing of ours."""
