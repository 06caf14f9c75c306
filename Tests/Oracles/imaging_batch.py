"""What the imaging oracles share: many cases in one file, so that a test starts Python once.

The file is a row of blobs, each a little-endian 32-bit length and that many bytes; the reader is BatchReader.swift.
"""

import struct


class BatchWriter:
    def __init__(self, path):
        self.file = open(path, "wb")

    def blob(self, content):
        content = bytes(content)
        self.file.write(struct.pack("<I", len(content)))
        self.file.write(content)

    def numbers(self, *values):
        self.blob(struct.pack(f"<{len(values)}i", *values))

    def text(self, text):
        self.blob(text.encode())

    def array(self, array):
        self.blob(array.tobytes())
