//! Serves requests on standard input with JSON lines.

use std::io::{BufRead, Write, stdin, stdout};

use serde_json::{Value, json};

use crate::workloads::{Bench, WORKLOADS};

/// Announces the model, and serves requests until the input ends or says `quit`.
pub fn answer(bench: &mut Bench, load_ms: f64) {
    print(&json!({ "ready": true, "load_ms": load_ms, "rss_mb": resident_mb() }));
    for line in stdin().lock().lines().map_while(std::io::Result::ok) {
        let mut words = line.split_whitespace();
        let reply = match (words.next(), words.next()) {
            (None, _) => continue,
            (Some("quit"), _) => return,
            (Some("rss"), _) => json!({ "rss_mb": resident_mb() }),
            (Some(workload), count) if WORKLOADS.contains(&workload) => {
                run(bench, workload, count.unwrap_or("1"))
            }
            (Some(word), _) => json!({ "error": format!("unknown request \"{word}\"") }),
        };
        print(&reply);
    }
}

fn run(bench: &mut Bench, workload: &str, count: &str) -> Value {
    let Some(count) = count.parse().ok().filter(|count| *count > 0) else {
        return json!({ "error": format!("\"{count}\" is not a number of repetitions") });
    };
    match bench.times(workload, count) {
        Ok(times) => {
            json!({ "workload": workload, "wall_ms": times.wall_ms, "cpu_ms": times.cpu_ms })
        }
        Err(error) => json!({ "workload": workload, "error": error.to_string() }),
    }
}

fn print(value: &Value) {
    let mut out = stdout().lock();
    // A failure means that the other side is gone, which the next read reports.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

/// Memory of the process, where the system reports it.
fn resident_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}
