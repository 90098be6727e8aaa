"""Rows of trials through Hugging Face's LlamaForCausalLM give the runtime's states and logits."""

import json
import pathlib
import subprocess

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Sums in different orders.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial-rows")
    command = ["cargo", "run", "--quiet", "-p", "optiformer-tests", "--bin", "trial_rows", "--", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def written(folder):
    return json.loads((folder / "rows.json").read_text())


def largest_difference(one, other):
    assert one.shape == other.shape
    return (one - other).abs().max().item()


def test_a_row_is_the_sum_that_the_format_says(folder, written):
    tensors = load_file(folder / "model.safetensors")
    embedding, values = tensors["model.embed_tokens.weight"], tensors["trials.values.weight"]
    slots = tensors["trials.slots.weight"].unflatten(0, (-1, embedding.shape[1]))
    for part in (written["history"], written["questions"]):
        for row, vector in zip(part["rows"], part["vectors"], strict=True):
            total = embedding[row["tokens"]].sum(0)
            for slot, value in row["entries"]:
                total = total + slots[slot] @ values[value]
            assert largest_difference(total, torch.tensor(vector)) <= TOLERANCE


def test_llama_gives_the_runtime_s_states_and_logits(folder, written):
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    history, questions = (torch.tensor(written[part]["vectors"]) for part in ("history", "questions"))
    count = len(history) + len(questions)
    # All rows see the history; a question sees itself besides.
    seen = torch.eye(count, dtype=torch.bool)
    seen[:, : len(history)] = True
    mask = torch.zeros(count, count).masked_fill(~seen, float("-inf"))
    with torch.no_grad():
        answer = model(
            inputs_embeds=torch.cat([history, questions])[None],
            position_ids=torch.zeros(1, count, dtype=torch.long),
            attention_mask=mask[None, None],
            output_hidden_states=True,
            use_cache=False,
        )
    for have, want in (("hidden", answer.hidden_states[-1]), ("logits", answer.logits)):
        want = want[0, len(history) :]
        difference = largest_difference(torch.tensor(written[have]).view_as(want), want)
        print(f"largest difference of {have}: {difference:.1e}")
        assert difference <= TOLERANCE
