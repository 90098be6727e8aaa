"""Times OptiFormer's transformer beside other inference engines: the same weights, the same tokens, one after the other in turns.

    cargo build --release --bin optiformer-bench
    python tests/scripts/compare_engines.py
    python tests/scripts/compare_engines.py --presets pico,base --rounds 5 --compile
    python tests/scripts/compare_engines.py --model-dir FOLDER --threads 2

Four workloads, which are what a study asks of the model:

    W1  prefill: 600 tokens into an empty cache
    W2  decode: 12 tokens one by one behind those 600, the logits after each
    W3  tell and ask: 12 tokens appended together, then 12 one by one
    W4  candidates: 64 continuations of 11 tokens behind the same 600, the logits after each one's last token

Needs torch, numpy and safetensors; PyTorch is a peer and what the others are held against. ONNX Runtime takes part where onnx and onnxruntime are
installed, torch.compile with --compile. A peer that is missing is named below the tables, with the reason. llama.cpp and candle have no code here;
each would be another subclass of Peer. ONNX Runtime runs the graph that PyTorch exports; its own fused attention operators, which a graph made for
it could have, are not in there.

Several choices are in favor of the peers: they have the matrices of queries, keys and values in one, and those of the gate too; caches are allocated
beforehand and written in place; the 600 tokens that continuations share are attended to once for all of them, not copied 64 times; only the last
token's logits are computed. Others are not: tokens go in and logits come out through Python, which counts most in W2 and W3 of small models; ours
does not compute logits behind the prefill of W1, which is one row of 600; and in int8 ours has keys and values in bytes too, where peers have
products with weights only, so that the same word does not stand for the same arithmetic.

Before anything is timed, the logits of every peer are held against those of PyTorch in f32, and those against a pass without a cache and, where it
is installed, the transformers package. Peers in f32 that differ are an error; those in int8 have their difference printed. Ours does not hand out
logits here: the tests of the runtime check them.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

ROOT = pathlib.Path(__file__).resolve().parents[2]

WORKLOADS = ["W1", "W2", "W3", "W4"]
HISTORY, TRIAL, CONTINUATIONS, CONTINUATION = 600, 12, 64, 11
CAPACITY = HISTORY + 2 * TRIAL

# Hidden size, layers, heads, size of the feed-forward layer.
PRESETS = {"pico": (128, 4, 4, 512), "nano": (256, 6, 8, 1024), "base": (512, 12, 16, 2048)}

# Largest difference of logits to those of PyTorch, as a share of the largest logit.
F32_TOLERANCE = 1e-3


WITHOUT_CODE = [
    "llama.cpp is missing: it has no code here. To add it: pip install llama-cpp-python gguf; write the folder as GGUF (f32 and Q8_0, the rows of"
    " queries and keys permuted as llama.cpp's converter does); a subclass of Peer over llama_decode, with a sequence for each continuation",
    "candle is missing: it has no code here. To add it: a program in Rust that answers over its standard input, as optiformer-bench does",
]


class Missing(Exception):
    """Why a peer cannot take part."""


# --- The model as a folder ------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    """What is needed of config.json."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    theta: float
    epsilon: float
    tied: bool

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Config":
        raw = json.loads((folder / "config.json").read_text())
        heads = raw["num_attention_heads"]
        if raw.get("num_key_value_heads", heads) != heads:
            raise SystemExit(f"{folder}: heads that share keys and values are not supported here")
        theta = raw.get("rope_theta") or (raw.get("rope_parameters") or {}).get("rope_theta", 10000.0)
        return cls(
            vocabulary=raw["vocab_size"],
            hidden=raw["hidden_size"],
            layers=raw["num_hidden_layers"],
            heads=heads,
            feed_forward=raw["intermediate_size"],
            theta=theta,
            epsilon=raw.get("rms_norm_eps", 1e-6),
            tied=raw.get("tie_word_embeddings", False),
        )

    @property
    def head(self) -> int:
        return self.hidden // self.heads


def write_random(preset: str, folder: pathlib.Path) -> None:
    """A LLaMA model with random weights, as the transformers package saves it."""
    hidden, layers, heads, feed_forward = PRESETS[preset]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 1200,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "intermediate_size": feed_forward,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))

    generator = torch.Generator().manual_seed(1)

    def matrix(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) / math.sqrt(columns)

    weights = {"model.embed_tokens.weight": matrix(1200, hidden), "lm_head.weight": matrix(1200, hidden)}
    weights["model.norm.weight"] = torch.ones(hidden)
    for layer in range(layers):
        name = f"model.layers.{layer}"
        for part in "qkvo":
            weights[f"{name}.self_attn.{part}_proj.weight"] = matrix(hidden, hidden)
        weights[f"{name}.mlp.gate_proj.weight"] = matrix(feed_forward, hidden)
        weights[f"{name}.mlp.up_proj.weight"] = matrix(feed_forward, hidden)
        weights[f"{name}.mlp.down_proj.weight"] = matrix(hidden, feed_forward)
        weights[f"{name}.input_layernorm.weight"] = torch.ones(hidden)
        weights[f"{name}.post_attention_layernorm.weight"] = torch.ones(hidden)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# --- The model in PyTorch -------------------------------------------------------------------------

# What mixes the values: the layer's index, then queries, keys and values of (heads, sequences,
# tokens, head size).
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Norm(nn.Module):
    def __init__(self, weight: Tensor, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            # ONNX Runtime knows this pattern and replaces it by one operator.
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight
        return functional.rms_norm(x, (x.shape[-1],), self.weight, self.epsilon)


def linear(*matrices: Tensor) -> nn.Linear:
    """One layer for matrices with the same input."""
    weight = torch.cat(matrices)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return layer


class Layer(nn.Module):
    def __init__(self, config: Config, weights: dict[str, Tensor], index: int) -> None:
        super().__init__()
        self.index, self.heads = index, config.heads

        def weight(name: str) -> Tensor:
            return weights[f"model.layers.{index}.{name}.weight"]

        self.attention_norm = Norm(weight("input_layernorm"), config.epsilon)
        self.attention = linear(*(weight(f"self_attn.{part}_proj") for part in "qkv"))
        self.output = linear(weight("self_attn.o_proj"))
        self.feed_forward_norm = Norm(weight("post_attention_layernorm"), config.epsilon)
        self.gate_up = linear(weight("mlp.gate_proj"), weight("mlp.up_proj"))
        self.down = linear(weight("mlp.down_proj"))

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor, attend: Attend) -> Tensor:
        sequences, tokens, hidden = x.shape
        projected = self.attention(self.attention_norm(x))
        parts = projected.view(sequences, tokens, 3, self.heads, hidden // self.heads).permute(2, 3, 0, 1, 4)
        queries, keys = rotated(parts[0], cosines, sines), rotated(parts[1], cosines, sines)
        mixed = attend(self.index, queries, keys, parts[2])
        x = x + self.output(mixed.permute(1, 2, 0, 3).reshape(sequences, tokens, hidden))
        gate, up = self.gate_up(self.feed_forward_norm(x)).chunk(2, dim=-1)
        return x + self.down(functional.silu(gate) * up)


def rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cosines + torch.cat((-second, first), dim=-1) * sines


class Llama(nn.Module):
    """The plain forward pass; what is kept of earlier tokens is the business of `attend`."""

    def __init__(self, config: Config, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(weights["model.embed_tokens.weight"])
        self.layers = nn.ModuleList(Layer(config, weights, index) for index in range(config.layers))
        self.norm = Norm(weights["model.norm.weight"], config.epsilon)
        self.head = linear(weights["model.embed_tokens.weight" if config.tied else "lm_head.weight"])
        frequencies = config.theta ** -(torch.arange(0, config.head, 2, dtype=torch.float64) / config.head)
        angles = torch.outer(torch.arange(CAPACITY, dtype=torch.float64), frequencies).repeat(1, 2)
        self.register_buffer("cosines", angles.cos().float())
        self.register_buffer("sines", angles.sin().float())

    def forward(self, tokens: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """The logits of every sequence's last token."""
        x = self.embedding(tokens)
        cosines, sines = self.cosines[positions], self.sines[positions]
        for layer in self.layers:
            x = layer(x, cosines, sines, attend)
        return self.head(self.norm(x[:, -1]))


def attend_behind(queries: Tensor, keys: Tensor, values: Tensor, past_keys: Tensor, past_values: Tensor, bias: Tensor) -> Tensor:
    """Attention to a past of (heads, tokens, head size) that all sequences share, and of each to itself."""
    heads, sequences, tokens, size = queries.shape
    past = past_keys.shape[1]
    queries = queries * size**-0.5
    # All sequences are rows of one product with the past, so that it need not be copied for each.
    to_past = (queries.reshape(heads, sequences * tokens, size) @ past_keys.transpose(1, 2)).view(heads, sequences, tokens, past)
    shares = (torch.cat((to_past, queries @ keys.transpose(2, 3)), dim=-1) + bias).softmax(-1)
    from_past = shares[..., :past].reshape(heads, sequences * tokens, past) @ past_values
    return from_past.view(heads, sequences, tokens, size) + shares[..., past:] @ values


def attend_in_parts(queries: Tensor, keys: Tensor, values: Tensor, past_keys: Tensor, past_values: Tensor) -> Tensor:
    """What `attend_behind` does, by PyTorch's fused attention: once to the past and once to the rest, weighed by the sums of both."""
    heads, sequences, tokens, size = queries.shape
    # The function without an underscore does not tell the sums.
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    from_past, past_sums = fused(queries.reshape(1, heads, sequences * tokens, size), past_keys[None], past_values[None])
    from_own, own_sums = fused(*(part.transpose(0, 1) for part in (queries, keys, values)), is_causal=True)
    shares = torch.sigmoid(past_sums.view(heads, sequences, tokens) - own_sums.transpose(0, 1))[..., None]
    return torch.lerp(from_own.transpose(0, 1), from_past.view(heads, sequences, tokens, size), shares)


def attend_causally(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    """Attention where there is no past."""
    if torch.onnx.is_in_onnx_export():
        return (queries * queries.shape[-1] ** -0.5 @ keys.transpose(2, 3) + bias).softmax(-1) @ values
    parts = (part.transpose(0, 1) for part in (queries, keys, values))
    return functional.scaled_dot_product_attention(*parts, is_causal=True).transpose(0, 1)


def causal_bias(tokens: int, length: int, room: int) -> Tensor:
    """What is added to scores: tokens see the first `length` of the past's `room`, and of themselves those that are not later."""
    bias = torch.zeros(tokens, room + tokens)
    bias[:, length:room] = -math.inf
    bias[:, room:] = torch.full((tokens, tokens), -math.inf).triu(1)
    return bias


class Step(nn.Module):
    """The forward pass as a function of its inputs alone, which is what compilers and exporters take."""

    def __init__(self, model: Llama) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, positions: Tensor, bias: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """Logits, then new keys and values by layer; `past` are keys and values by layer, or nothing."""
        new: list[Tensor] = []

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            new.extend((keys, values))
            if not past:
                return attend_causally(queries, keys, values, bias)
            return attend_behind(queries, keys, values, past[2 * layer], past[2 * layer + 1], bias)

        logits = self.model(tokens, positions, attend)
        return logits, *new


# --- The peers ------------------------------------------------------------------------------------


def tokens_of(count: int, seed: int, vocabulary: int) -> np.ndarray:
    """The tokens that optiformer-bench takes: Knuth's linear congruential generator (MMIX), its upper half."""
    tokens, state = [], seed
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        tokens.append((state >> 33) % vocabulary)
    return np.array(tokens, dtype=np.int64)


class Peer(ABC):
    """An engine that can run the workloads."""

    name: str
    precision: str

    def __init__(self, config: Config) -> None:
        self.length = 0
        self.history = tokens_of(HISTORY, 1, config.vocabulary)
        self.feed = tokens_of(CONTINUATIONS * CONTINUATION, 2, config.vocabulary).reshape(CONTINUATIONS, CONTINUATION)

    @abstractmethod
    def extend(self, tokens: np.ndarray) -> np.ndarray:
        """Appends tokens to the cache, and returns the last one's logits."""

    @abstractmethod
    def branch(self, continuations: np.ndarray) -> np.ndarray:
        """The logits after each continuation's last token. The cache stays as it is."""

    def truncate(self, length: int) -> None:
        """Truncates the cache to a number of tokens."""
        self.length = length

    def prepare(self, workload: str) -> None:
        """Brings the cache to where a workload begins."""
        if workload == "W1":
            self.truncate(0)
        elif self.length < HISTORY:
            self.truncate(0)
            self.extend(self.history)
        else:
            self.truncate(HISTORY)

    def run(self, workload: str) -> np.ndarray:
        """Runs a workload, and returns its last logits."""
        if workload == "W1":
            return self.extend(self.history)
        if workload == "W4":
            return self.branch(self.feed)
        if workload == "W3":
            self.extend(self.history[:TRIAL])
        logits, token = None, self.history[0]
        for _ in range(TRIAL):
            logits = self.extend(np.array([token]))
            token = logits.argmax()
        return logits

    def times(self, workload: str, repetitions: int, clock: Callable[[], float]) -> list[float]:
        """Milliseconds per repetition, after one warm-up, as optiformer-bench measures."""
        times = []
        for repetition in range(repetitions + 1):
            self.prepare(workload)
            begin = clock()
            self.run(workload)
            if repetition > 0:
                times.append((clock() - begin) * 1e3)
        return times


class Eager(Peer):
    """PyTorch as it is, with its fused attention."""

    name, precision = "PyTorch eager", "f32"

    def __init__(self, config: Config, model: Llama) -> None:
        super().__init__(config)
        self.model = model
        self.keys = [torch.zeros(config.heads, CAPACITY, config.head) for _ in range(config.layers)]
        self.values = [torch.zeros_like(keys) for keys in self.keys]
        self.biases: dict[tuple[int, int], Tensor] = {}

    def bias(self, tokens: int) -> Tensor:
        key = (tokens, self.length)
        if key not in self.biases:
            self.biases[key] = causal_bias(tokens, self.length, self.length)
        return self.biases[key]

    def forward(self, tokens: Tensor) -> np.ndarray:
        positions = torch.arange(self.length, self.length + tokens.shape[1])
        with torch.inference_mode():
            return self.model(tokens, positions, self.attend).numpy()

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        past_keys, past_values = self.keys[layer], self.values[layer]
        _, sequences, tokens, _ = queries.shape
        begin, end = self.length, self.length + tokens
        if sequences > 1:
            return attend_in_parts(queries, keys, values, past_keys[:, :begin], past_values[:, :begin])
        past_keys[:, begin:end], past_values[:, begin:end] = keys[:, 0], values[:, 0]
        if begin == 0:
            return attend_causally(queries, keys, values, self.bias(tokens))
        mask = self.bias(tokens) if tokens > 1 else None
        everything = past_keys[None, :, :end], past_values[None, :, :end]
        mixed = functional.scaled_dot_product_attention(queries.transpose(0, 1), *everything, attn_mask=mask)
        return mixed.transpose(0, 1)

    def extend(self, tokens: np.ndarray) -> np.ndarray:
        logits = self.forward(torch.from_numpy(tokens)[None])[0]
        self.length += len(tokens)
        return logits

    def branch(self, continuations: np.ndarray) -> np.ndarray:
        return self.forward(torch.from_numpy(continuations))


class EagerInt8(Eager):
    """PyTorch with the weights of its linear layers in int8, activations quantized as they come."""

    precision = "int8"

    def __init__(self, config: Config, model: Llama) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
            except (AttributeError, RuntimeError) as error:
                raise Missing(f"torch.ao.quantization.quantize_dynamic: {error}") from error
        super().__init__(config, model)


class StepPeer(Peer):
    """An engine that runs `Step`; what it returns is written into a cache of fixed size, whose unused places are masked."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # Keys and values by layer.
        self.past = [torch.zeros(config.heads, CAPACITY, config.head) for _ in range(2 * config.layers)]
        self.biases: dict[tuple[int, int], Tensor] = {}

    @abstractmethod
    def call(self, tokens: Tensor, positions: Tensor, bias: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        """Runs the step."""

    def forward(self, tokens: Tensor) -> tuple[Tensor, ...]:
        count = tokens.shape[1]
        key = (count, self.length)
        if key not in self.biases:
            self.biases[key] = causal_bias(count, self.length, CAPACITY if self.length else 0)
        positions = torch.arange(self.length, self.length + count)
        return self.call(tokens, positions, self.biases[key], self.past if self.length else [])

    def extend(self, tokens: np.ndarray) -> np.ndarray:
        logits, *new = self.forward(torch.from_numpy(tokens)[None])
        end = self.length + len(tokens)
        for past, part in zip(self.past, new, strict=True):
            past[:, self.length : end] = part[:, 0]
        self.length = end
        return logits[0].numpy()

    def branch(self, continuations: np.ndarray) -> np.ndarray:
        return self.forward(torch.from_numpy(continuations))[0].numpy()


class Compiled(StepPeer):
    """torch.compile, with a program for each shape."""

    name, precision = "torch.compile", "f32"

    def __init__(self, config: Config, model: Llama) -> None:
        super().__init__(config)
        torch._dynamo.reset()
        self.step = torch.compile(Step(model), dynamic=False)

    def call(self, tokens: Tensor, positions: Tensor, bias: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return self.step(tokens, positions, bias, *past)


class Onnx(StepPeer):
    """ONNX Runtime; two graphs, one of them without a past."""

    name = "ONNX Runtime"

    def __init__(self, config: Config, files: tuple[pathlib.Path, pathlib.Path], precision: str, threads: int) -> None:
        super().__init__(config)
        import onnxruntime

        self.precision = precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # Threads that wait for work by spinning would take the processor from whoever is measured
        # next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        providers = ["CPUExecutionProvider"]
        self.without_past, self.with_past = (onnxruntime.InferenceSession(file, options, providers=providers) for file in files)

    def call(self, tokens: Tensor, positions: Tensor, bias: Tensor, past: list[Tensor]) -> tuple[Tensor, ...]:
        session = self.with_past if past else self.without_past
        binding = session.io_binding()
        # Bound by address: inputs are not copied.
        for name, tensor in zip(step_inputs(len(past)), (tokens, positions, bias, *past), strict=True):
            kind = np.int64 if tensor.dtype == torch.int64 else np.float32
            binding.bind_input(name, "cpu", 0, kind, list(tensor.shape), tensor.data_ptr())
        # Nobody reads the keys and values of continuations.
        outputs = session.get_outputs()[: 1 if tokens.shape[0] > 1 else None]
        for output in outputs:
            binding.bind_output(output.name)
        session.run_with_iobinding(binding)
        return tuple(torch.from_numpy(value.numpy()) for value in binding.get_outputs())


def step_inputs(past: int) -> list[str]:
    return ["tokens", "positions", "bias", *(f"past_{index}" for index in range(past))]


def export(config: Config, model: Llama, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the graph without a past and the one with it."""
    try:
        import onnx  # noqa: F401: the exporter and the quantizer need it
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise Missing(f"{error}; pip install onnx onnxruntime") from error

    files = folder / "without_past.onnx", folder / "with_past.onnx"
    for file, count in zip(files, (0, 2 * config.layers), strict=True):
        room = CAPACITY if count else 0
        past = [torch.zeros(config.heads, room, config.head) for _ in range(count)]
        inputs = (torch.zeros(2, 3, dtype=torch.int64), torch.arange(3), causal_bias(3, room, room), *past)
        names = step_inputs(count)
        axes = {"tokens": {0: "sequences", 1: "count"}, "positions": {0: "count"}, "bias": {0: "count", 1: "all"}}
        outputs = ["logits", *(f"new_{index}" for index in range(2 * config.layers))]
        axes |= {"logits": {0: "sequences"}} | {name: {1: "sequences", 2: "count"} for name in outputs[1:]}
        with quiet(), torch.no_grad():
            torch.onnx.export(
                Step(model), inputs, file, input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False
            )
    return files


def quantize(files: tuple[pathlib.Path, pathlib.Path]) -> tuple[pathlib.Path, pathlib.Path]:
    """The graphs with weights in int8 by column, and activations quantized as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantized = []
    for file in files:
        quantized.append(file.with_suffix(".int8.onnx"))
        with quiet():
            # Only products with weights: those of attention stay in f32.
            quantize_dynamic(file, quantized[-1], op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8)
    return tuple(quantized)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of exporters, which are about what is done on purpose here."""
    import logging

    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


# --- Ours -----------------------------------------------------------------------------------------


class Ours:
    """optiformer-bench, asked over its standard input."""

    name = "OptiFormer"

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, precision: str, threads: int) -> None:
        self.precision = precision
        command = [program, "--model-dir", folder, "--precision", precision, "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise SystemExit(f"optiformer-bench: {answer['error']}")
        return answer

    def times(self, workload: str, repetitions: int, clock: Callable[[], float]) -> list[float]:
        self.process.stdin.write(f"{workload} {repetitions}\n")
        self.process.stdin.flush()
        answer = self.answer()
        return answer["wall_ms" if clock is time.perf_counter else "cpu_ms"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


# --- Correctness ----------------------------------------------------------------------------------


def difference(logits: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a share of the largest logit."""
    return float(np.abs(logits - expected).max() / np.abs(expected).max())


def demand(what: str, logits: np.ndarray, expected: np.ndarray) -> None:
    share = difference(logits, expected)
    # Written so that a share that is not a number fails too.
    if not share <= F32_TOLERANCE:
        raise SystemExit(f"{what}: logits differ by {share:.2g} of the largest; nothing is timed")


def results(peer: Peer) -> dict[str, np.ndarray]:
    """The last logits of every workload."""
    found = {}
    for workload in WORKLOADS:
        peer.prepare(workload)
        found[workload] = np.array(peer.run(workload))
    return found


def check_reference(eager: Eager, reference: dict[str, np.ndarray], folder: pathlib.Path) -> None:
    """Holds eager PyTorch against a pass without a cache, and against the transformers package."""
    whole = np.concatenate((eager.history, eager.feed[-1]))
    eager.truncate(0)
    demand("PyTorch with a cache, against without", reference["W4"][-1], eager.extend(whole))
    eager.truncate(0)
    try:
        from transformers import LlamaForCausalLM
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        print("transformers is not installed: the plain model of this script is not held against it", file=sys.stderr)
        return
    disable_progress_bar()
    with quiet(), torch.inference_mode():
        theirs = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
        expected = theirs(torch.from_numpy(whole)[None], logits_to_keep=CONTINUATION + 1).logits[0].numpy()
    demand("PyTorch against transformers, W1", reference["W1"], expected[0])
    demand("PyTorch against transformers, W4", reference["W4"][-1], expected[-1])


def check(peer: Peer, reference: dict[str, np.ndarray]) -> str | None:
    """Holds a peer's logits against the reference's; the difference is told where it may be one."""
    found = results(peer)
    if peer.precision == "f32":
        for workload in WORKLOADS:
            demand(f"{peer.name}, {workload}", found[workload], reference[workload])
        return None
    # Decoding feeds back the likeliest token, which may be another one in int8: only these two have
    # the same inputs.
    shares = (f"{workload} {difference(found[workload], reference[workload]):.2%}" for workload in ("W1", "W4"))
    return f"{peer.name} {peer.precision}: logits differ by {', '.join(shares)} of the largest one in f32"


# --- The comparison -------------------------------------------------------------------------------


def assemble(config: Config, folder: pathlib.Path, scratch: pathlib.Path, arguments: argparse.Namespace) -> tuple[list[Peer], list[str]]:
    """The peers, eager PyTorch first, and notes on those that are missing."""
    model = Llama(config, load_file(folder / "model.safetensors")).eval()
    files: list[tuple[pathlib.Path, pathlib.Path]] = []

    def exported() -> tuple[pathlib.Path, pathlib.Path]:
        if not files:
            files.append(export(config, model, scratch))
        return files[0]

    makers: dict[str, Callable[[], Peer]] = {
        "PyTorch eager f32": lambda: Eager(config, model),
        "PyTorch eager int8": lambda: EagerInt8(config, model),
        "ONNX Runtime f32": lambda: Onnx(config, exported(), "f32", arguments.threads),
        "ONNX Runtime int8": lambda: Onnx(config, quantize(exported()), "int8", arguments.threads),
    }
    if arguments.compile:
        makers["torch.compile f32"] = lambda: Compiled(config, model)
    peers, notes = [], list(WITHOUT_CODE)
    if not arguments.compile:
        notes.append("torch.compile f32 is missing: it takes minutes, ask for it with --compile")
    for name, make in makers.items():
        try:
            peers.append(make())
        except Missing as reason:
            notes.append(f"{name} is missing: {reason}")
    return peers, notes


Engine = Ours | Peer


def measure(engines: list[Engine], arguments: argparse.Namespace) -> dict[tuple, list[float]]:
    """Milliseconds by engine, precision and workload. Engines take turns, so that a busy machine is busy for all of them."""
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    times = {}
    for _ in range(arguments.rounds):
        for workload in WORKLOADS:
            for engine in engines:
                key = engine.name, engine.precision, workload
                times.setdefault(key, []).extend(engine.times(workload, arguments.repetitions, clock))
    return times


def table(engines: list[Engine], times: dict[tuple, list[float]]) -> Iterator[str]:
    """Markdown: medians, and behind each peer's how much of it ours takes in the same precision."""
    medians = {key: statistics.median(values) for key, values in times.items()}
    yield f"| engine | precision | {' | '.join(WORKLOADS)} |"
    yield "|---|---|" + "---:|" * len(WORKLOADS)
    for engine in sorted(engines, key=lambda engine: (engine.precision, not isinstance(engine, Ours))):
        cells = []
        for workload in WORKLOADS:
            median = medians[engine.name, engine.precision, workload]
            ours = medians[Ours.name, engine.precision, workload]
            cells.append(f"{median:.2f}" + ("" if isinstance(engine, Ours) else f" ({ours / median:.2g})"))
        yield f"| {engine.name} | {engine.precision} | {' | '.join(cells)} |"


def compare(title: str, folder: pathlib.Path, scratch: pathlib.Path, arguments: argparse.Namespace) -> list[str]:
    """Prints a model's table, and returns notes on missing peers."""
    config = Config.read(folder)
    peers, notes = assemble(config, folder, scratch, arguments)
    reference = results(peers[0])
    check_reference(peers[0], reference, folder)
    remarks = [remark for peer in peers[1:] if (remark := check(peer, reference))]
    ours = [Ours(arguments.program, folder, precision, arguments.threads) for precision in ("f32", "int8")]
    try:
        engines = ours + peers
        times = measure(engines, arguments)
    finally:
        for process in ours:
            process.close()
    print(f"\n### {title}: hidden {config.hidden}, {config.layers} layers, {config.heads} heads, feed-forward {config.feed_forward}\n")
    print("\n".join(table(engines, times)), flush=True)
    print("\n" + "".join(f"- {remark}\n" for remark in remarks), flush=True)
    return notes


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="pico,nano,base", help="sizes with random weights (default %(default)s)")
    parser.add_argument("--model-dir", type=pathlib.Path, metavar="FOLDER", help="config.json and model.safetensors, instead of presets")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/optiformer-bench", help="default %(default)s")
    parser.add_argument("--threads", type=int, default=1, help="of every engine; ours uses them for continuations only (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often all engines take turns (default %(default)s)")
    parser.add_argument("--repetitions", type=int, default=3, help="in each round, after one that is not counted (default %(default)s)")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time, for a machine that others use too")
    parser.add_argument("--compile", action="store_true", help="torch.compile too: takes minutes, and needs a C++ compiler")
    arguments = parser.parse_args()
    unknown = set(arguments.presets.split(",")) - PRESETS.keys()
    if unknown:
        parser.error(f"--presets: {', '.join(sorted(unknown))} not among {', '.join(PRESETS)}")
    if not arguments.program.exists():
        parser.error(f"{arguments.program} is not there: cargo build --release --bin optiformer-bench")
    return arguments


def versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in ("torch", "onnxruntime", "transformers"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return ", ".join(found)


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    print(f"{versions()}; {arguments.threads} of {os.cpu_count()} processors")
    print(f"Median milliseconds ({arguments.clock}); in brackets, ours divided by the peer's in the same precision: below 1 ours is faster.")
    notes: list[str] = []
    for preset in [None] if arguments.model_dir else arguments.presets.split(","):
        with tempfile.TemporaryDirectory() as name:
            scratch = pathlib.Path(name)
            if preset:
                write_random(preset, scratch)
            notes = compare(preset or arguments.model_dir.name, arguments.model_dir or scratch, scratch, arguments)
    print("\n".join(f"- {note}" for note in notes))


if __name__ == "__main__":
    main()
