"""What the steps of a release do to the world, each with the probe that asks the world whether it is done already.

A module a place: hosts, Beanstalk, the bundle and its storage, the repositories, and the looks that change nothing.
"""
