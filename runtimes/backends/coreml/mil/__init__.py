"""A reference interpreter of Core ML's ML Programs: it reads a package as it lies on the disk and computes it in NumPy.

It stands in for Core ML where there is no Mac, to judge the numbers of a package. It says nothing about speed.
"""
