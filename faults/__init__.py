"""The fault suite: whatever can die is killed, at every point that there is, and the world is compared with what the screen says.

Each promise (P1 … P18) has a module that enumerates its points and runs one. A point is a word such as
`P1:pre-production:7:after-effect:tick`; `./console faults --replay WORD` runs it again. The console runs as its own processes against
the estate in a box over its wires; the sandbox is the truth and is never harmed. Nothing of the product knows of this package: cut points
are wrapped around its functions from outside, in processes that are forked here (`faults.nursery`).
"""
