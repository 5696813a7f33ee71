"""The snapshot: facts and events of cases and open leads as memory-mapped columns, a cache rebuilt from the database at will.

`segment` is what evaluators read, `dictionaries` what its codes mean; `reading` and `reading_leads` ask the database, `shaping` makes columns
of the answers, `merging` brings a segment up to date; `files` stores, `reader` opens, `building` is the one writer a host.
Importing any of them takes numpy along, so nothing that every process starts with does.
"""
