//! Long help texts of the commands.

pub const TUNE_HELP: &str = r#"Example:
  space.json:  {"parameters": [
                 {"name": "rate",  "type": "float", "low": 1e-4, "high": 1, "log": true},
                 {"name": "units", "type": "int",   "low": 4,    "high": 256},
                 {"name": "kind",  "type": "categorical", "choices": ["sgd", "adam"]}]}

  optiformer minimize --space space.json --trials 50 --study study.jsonl -- \
      python train.py --rate {rate} --units {units} --optimizer={kind}

{name} in an argument stands for the parameter's value (nothing, where a condition makes the parameter
inactive), {trial_id} for the trial's number, {promoted_from}, in a space with a fidelity, for the number
of the trial that is continued; {{ and }} stand for braces. The objective is the last number on the program's standard output. A
non-zero exit, a signal, a timeout, no number, or one that is not finite makes a failed trial.

A program can also print lines for the tool, of which the numbers are not the objective:
  optiformer: objective NAME NUMBER         with --objective NAME, one of several objectives
  optiformer: constraint NAME NUMBER        with --constraint NAME, satisfied where it is at most 0
  optiformer: step NUMBER value NUMBER      an intermediate value of the objective, by which
                                            --pruner ends poor programs early

With --study, run the same command again to go on: --trials is the total over all runs.

Exit codes: 0 fine, 1 error, 2 wrong usage, 3 every trial failed, 130 interrupted."#;

pub const COMPARE_HELP: &str = r"Examples:
  optiformer compare auto-*.jsonl tpe-*.jsonl              one group for each sampler
  optiformer compare --group old=a1.jsonl,a2.jsonl --group new=b1.jsonl,b2.jsonl

Files without a group are grouped by their samplers. The groups are compared with the first.";

pub const ASK_TELL_HELP: &str = r#"Requests, one a line, each answered by one line:
  {"ask":{}}                                 {"trial":{"id":0,"values":{"x":0.3}}}
  {"ask":{"count":3}}                        {"trials":[{"id":1,…},{"id":2,…},{"id":3,…}]}
  {"tell":{"id":0,"value":1.5}}              {"told":0}
  {"tell":{"id":1,"failed":true}}            {"told":1}
  {"add":{"values":{"x":0.5},"value":2.0}}   {"added":4}
  {"enqueue":{"values":{"x":0.25}}}          {"enqueued":1}
  {"abandon":{"id":2}}                       {"abandoned":2}
  {"report":{"id":0,"step":3,"value":0.4}}   {"reported":0}, with --pruner {"reported":0,"should_stop":false}
  {"should_stop":{"id":0}}                   {"should_stop":false}
  {"front":{}} {"trials":{}} {"counts":{}}   {"front":[…]} {"trials":[…]} {"counts":{"finished":3,…}}
  {"best":{}}                                {"best":{"id":0,"value":1.5,"values":{"x":0.3}}}
A line that cannot be served is answered {"error":{"kind":…,"message":…}}. The end of the input ends it."#;

pub const VALIDATE_HELP: &str = r#"Example:
  criteria.txt:  quality_loss < 0.01
                 speedup > 1.3

  optiformer validate study.jsonl --criteria criteria.txt --repeats 5 -- \
      ./evaluate --data held-out.txt --threshold {threshold}

The program prints its numbers as in a study, and "optiformer: metric NAME NUMBER" for any others. A criterion
passes if it holds for the whole 95 % confidence interval of the mean.

Exit codes: 0 every criterion passes, 1 error, 2 wrong usage, 3 every run of the winner failed,
4 a criterion does not pass, 130 interrupted."#;

pub const ARCHITECTURES_HELP: &str = r#"Example:
  optiformer architectures --budget 20M --features 25 --output shapes
  optiformer minimize --space shapes/space.json --candidates shapes/architectures.csv --extremes \
      --trials 50 --study study.jsonl -- python train.py --index {arch_idx} --d-model {d_model} \
      --layers {n_layers} --heads {n_heads} --d-ff {d_ff} --params {params}

Parameters of a shape, for d = d_model, f = d_ff, L = n_layers and F features:
  (F d + d) + L (4 (d^2 + d) + 2 d f + f + d + 4 d) + 2 d + (d + 1)
the input projection, L encoder layers (attention, feed-forward, two layer norms; all with biases), the
last layer norm and one output."#;

pub const RECOVER_HELP: &str = r#"Reads lines like
  Trial 3: arch_idx=17, d_model=64, n_layers=64, params=2142145
  {"trial": 3, "arch_idx": 17, "n_heads": null}
and prints each as a line of JSON with what the architecture of that index has. Where a logged field and the
index contradict each other, file and line are reported, the line stays as it was logged, and the exit code is 1."#;
