"""ONNX Runtime, kept from calling home: import it from here and nowhere else.

Knows nothing of models. Since 1.29 the official Linux wheels report sessions (names and hashes of graphs, devices) to
Microsoft and keep a database in the user's cache folder, unless this is set before the library starts
(microsoft/onnxruntime #27379, #29843). `boardwright prove` saw the sockets and the file.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
