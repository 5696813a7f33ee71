"""What a draft would have done: on all past decisions as of then, and on open leads as they are, beside the version in force.

`asking` is the way in; `population` says which cases stand for their leads, `counting` makes the figures of one spec, `flips`
those of two, `criteria` those of each criterion; `result` is what comes out. All of it reads the snapshot and never the database.
"""
