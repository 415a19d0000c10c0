"""Design search: Optuna proposes designs, runs measure them, nothing that can't win is learned to its end.

docs/search.md is its manual, docs/decisions/0009-search.md says why it is made this way.
"""
