"""A batch keeps its rows apart from the padding, on whichever side that stands."""

import pytest
import torch

from microtome.errors import PromptError
from microtome.model.tokens import Tokens, stack, within

ROWS = [[5, 6, 7, 8], [9, 4]]


@pytest.mark.parametrize("left", [False, True])
def test_rows_come_back_with_their_positions(left: bool) -> None:
    tokens = stack(ROWS, 0, left=left)
    for row, ids in enumerate(ROWS):
        real = tokens.mask[row]
        assert tokens.ids[row][real].tolist() == ids
        assert tokens.position_ids[row][real].tolist() == list(range(len(ids)))
        assert tokens.ids[row, tokens.first[row]] == ids[0]
        assert tokens.ids[row, tokens.last[row]] == ids[-1]
    assert tokens.lengths.tolist() == [4, 2]
    assert tokens.of_last(tokens.ids).tolist() == [8, 4]
    assert tokens.ids[1].tolist() == ([0, 0, 9, 4] if left else [9, 4, 0, 0])


def test_padding_stands_on_the_right_unless_asked_otherwise() -> None:
    assert stack(ROWS, 3).ids.tolist() == [[5, 6, 7, 8], [9, 4, 3, 3]]


@pytest.mark.parametrize("left", [False, True])
def test_positions_name_the_same_tokens_on_either_side(left: bool) -> None:
    tokens = stack(ROWS, 0, left=left)
    chosen = tokens.select((0, -1), None)
    assert [tokens.ids[row][chosen[row]].tolist() for row in (0, 1)] == [[5, 8], [9, 4]]
    assert torch.equal(tokens.select(None, None), tokens.mask)
    only = tokens.select((1,), (1,))
    assert only.sum() == 1
    assert int(tokens.ids[only]) == 4
    twice = tokens.repeat(2)
    assert twice.ids.tolist() == [tokens.ids[row].tolist() for row in (0, 0, 1, 1)]
    assert torch.equal(twice.mask[1], tokens.mask[0])


@pytest.mark.parametrize(("position", "place"), [(0, 0), (3, 3), (-1, 3), (-4, 0)])
def test_positions_from_either_end(position: int, place: int) -> None:
    assert within(position, 4) == place


@pytest.mark.parametrize("position", [4, -5])
def test_a_position_outside_is_refused(position: int) -> None:
    with pytest.raises(PromptError, match=r"in a prompt of 4 tokens; use 0 to 3"):
        within(position, 4)


def test_a_row_without_tokens_or_with_padding_inside_is_refused() -> None:
    ids = torch.ones(2, 3, dtype=torch.long)
    for wrong in ([0, 0, 0], [1, 0, 1]):
        with pytest.raises(PromptError, match="Prompt 2 has no tokens, or padding between"):
            Tokens(ids, torch.tensor([[1, 1, 0], wrong], dtype=torch.bool))
