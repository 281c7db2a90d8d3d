from __future__ import annotations

import pytest
import torch

from export.machine.threads import single_thread


def test_the_number_of_threads_comes_back() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ValueError), single_thread():
        assert torch.get_num_threads() == 1
        raise ValueError
    assert torch.get_num_threads() == 2
