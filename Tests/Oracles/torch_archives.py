"""Checkpoints as torch saves them, and what torch itself reads out of them.

    torch_archives.py FOLDER

Writes NAME.pt and, as torch loads it, NAME.expected.safetensors for each NAME of
    plain (a state dict), nested (below state_dict, with an optimiser and arguments beside it), half and bfloat16 (that
    type), views (transposed, sliced, shared, scalar and empty tensors, parameters, integers), script (TorchScript);
and without an expectation
    legacy.pt (the format before PyTorch 1.6), hostile.pt (runs a command that makes FOLDER/proof when it is unpickled
    without care) and cut.pt (the first half of plain.pt).

Needs requirements-open-clip.txt.
"""

import argparse
import os
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.numpy import save_file

folder = Path(sys.argv[1])
torch.manual_seed(2)
module = torch.nn.Sequential(
    OrderedDict(conv=torch.nn.Conv2d(3, 4, 2), block=torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5)))
)
state = module.state_dict()
grid = torch.arange(12.0).reshape(3, 4)
views = {
    "transposed": grid.t(), "sliced": grid[1:, ::2], "shared": grid, "expanded": torch.ones(1).expand(3, 2),
    "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(torch.ones(2)),
    "longs": torch.arange(3), "bools": torch.tensor([True, False]),
}


def expect(name, tensors):
    # bfloat16 is exact in float32, which is how it is handed on.
    save_file(
        {
            key: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().contiguous().numpy()
            for key, tensor in tensors.items()
        },
        folder / f"{name}.expected.safetensors",
    )


class Command:
    def __reduce__(self):
        return os.system, (f"touch {folder / 'proof'}",)


contents = {
    "plain": state,
    "nested": {"state_dict": state, "epoch": 3, "args": argparse.Namespace(a=1), "optimizer": {"state": {0: grid}}},
    "half": {name: tensor.half() for name, tensor in state.items()},
    "bfloat16": {name: tensor.bfloat16() for name, tensor in state.items()},
    "views": views,
}
for name, content in contents.items():
    torch.save(content, folder / f"{name}.pt")
    loaded = torch.load(folder / f"{name}.pt")
    expect(name, loaded.get("state_dict", loaded))
torch.jit.save(torch.jit.script(module), str(folder / "script.pt"))
expect("script", torch.jit.load(str(folder / "script.pt")).state_dict())
torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"weight": grid, "command": Command()}, folder / "hostile.pt")
plain = (folder / "plain.pt").read_bytes()
(folder / "cut.pt").write_bytes(plain[: len(plain) // 2])
