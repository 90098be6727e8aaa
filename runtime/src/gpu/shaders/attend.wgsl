// Attention of a block of at most 16 rows of one history, and one head, by a workgroup: first over the history's keys, TILE at a time
// through the workgroup's memory so that all rows share them, then over each row's own branch. The softmax is
// online (Milakov and Gimelshein 2018): partial sums are rescaled whenever the maximum grows. Eight invocations work on a row.
@group(0) @binding(1) var<storage, read> plan: array<u32>;
// Keys and values of histories, [slots, 2, HIDDEN].
@group(0) @binding(2) var<storage, read> pool: array<f32>;
// Queries, keys and values of the batch's rows side by side, [rows, PROJECTED].
@group(0) @binding(3) var<storage, read> projected: array<f32>;
// [count, MIXED].
@group(0) @binding(4) var<storage, read_write> mixed: array<f32>;

const LANES: u32 = 8u;
const ROWS_OF_BLOCK: u32 = 16u;
const INVOCATIONS: u32 = 128u;
// One extra number puts the rows into different memory banks.
const WIDTH: u32 = HEAD_SIZE + 1u;
const KEYS_OF_LANE: u32 = TILE / LANES;
const NUMBERS_OF_LANE: u32 = (HEAD_SIZE + LANES - 1u) / LANES;
// Below every score, and finite, so that differences are defined.
const LOWEST: f32 = -3.0e38;

var<workgroup> queries: array<f32, ROWS_OF_BLOCK * WIDTH>;
var<workgroup> keys: array<f32, TILE * WIDTH>;
var<workgroup> values: array<f32, TILE * WIDTH>;
var<workgroup> shares: array<f32, ROWS_OF_BLOCK * (TILE + 1u)>;
var<workgroup> of_lanes: array<f32, INVOCATIONS>;

// Scores of this invocation in a tile; LOWEST without a key.
var<private> scores: array<f32, KEYS_OF_LANE>;
// The invocation's part of the output, of the sum of weights, and the maximum score so far.
var<private> sums: array<f32, NUMBERS_OF_LANE>;
var<private> total: f32;
var<private> highest: f32;

// Turns the scores of a tile into weights that all invocations of the row see.
fn share(row: u32, lane: u32) {
    var top = scores[0];
    for (var turn = 1u; turn < KEYS_OF_LANE; turn += 1u) {
        top = max(top, scores[turn]);
    }
    of_lanes[row * LANES + lane] = top;
    workgroupBarrier();
    for (var other = 0u; other < LANES; other += 1u) {
        top = max(top, of_lanes[row * LANES + other]);
    }
    top = max(top, highest);
    let fade = exp(highest - top);
    highest = top;
    total *= fade;
    for (var turn = 0u; turn < NUMBERS_OF_LANE; turn += 1u) {
        sums[turn] *= fade;
    }
    for (var turn = 0u; turn < KEYS_OF_LANE; turn += 1u) {
        var part = 0.0;
        if (scores[turn] > LOWEST) {
            part = exp(scores[turn] - top);
        }
        total += part;
        shares[row * (TILE + 1u) + lane + LANES * turn] = part;
    }
    workgroupBarrier();
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let block = stage.blocks_at + 5u * group.x;
    let first = plan[block];
    let count = plan[block + 1u];
    let stored = plan[block + 2u];
    let pages_at = plan[block + 3u];
    let most_own = plan[block + 4u];
    let offset = group.y * HEAD_SIZE;

    let row = index / LANES;
    let lane = index % LANES;
    // Invocations beyond the last row repeat its work without writing, because all must reach the barriers.
    let listed = first + min(row, count - 1u);
    let source = plan[stage.list_at + listed];
    let own_first = plan[stage.rows_at + 4u * source + 2u];
    let own = source - own_first + 1u;
    for (var number = lane; number < HEAD_SIZE; number += LANES) {
        queries[row * WIDTH + number] = projected[source * PROJECTED + offset + number] * SCALE;
    }
    highest = LOWEST;
    total = 0.0;

    for (var start = 0u; start < stored; start += TILE) {
        // The previous tile is no longer read.
        workgroupBarrier();
        for (var place = index; place < TILE * HEAD_SIZE; place += INVOCATIONS) {
            let key = place / HEAD_SIZE;
            let number = place % HEAD_SIZE;
            var at = vec2<f32>();
            if (start + key < stored) {
                let page = plan[pages_at + (start + key) / PAGE];
                let slot = page * PAGE + (start + key) % PAGE;
                let here = slot * 2u * HIDDEN + offset + number;
                at = vec2<f32>(pool[here], pool[here + HIDDEN]);
            }
            keys[key * WIDTH + number] = at.x;
            values[key * WIDTH + number] = at.y;
        }
        workgroupBarrier();
        for (var turn = 0u; turn < KEYS_OF_LANE; turn += 1u) {
            let key = lane + LANES * turn;
            var score = LOWEST;
            if (start + key < stored) {
                score = 0.0;
                for (var number = 0u; number < HEAD_SIZE; number += 1u) {
                    score += queries[row * WIDTH + number] * keys[key * WIDTH + number];
                }
            }
            scores[turn] = score;
        }
        share(row, lane);
        for (var key = 0u; key < TILE; key += 1u) {
            let part = shares[row * (TILE + 1u) + key];
            for (var turn = 0u; turn < NUMBERS_OF_LANE; turn += 1u) {
                sums[turn] += part * values[key * WIDTH + min(lane + LANES * turn, HEAD_SIZE - 1u)];
            }
        }
    }

    for (var start = 0u; start < most_own; start += TILE) {
        workgroupBarrier();
        for (var turn = 0u; turn < KEYS_OF_LANE; turn += 1u) {
            let key = start + lane + LANES * turn;
            var score = LOWEST;
            if (key < own) {
                score = 0.0;
                let here = (own_first + key) * PROJECTED + HIDDEN + offset;
                for (var number = 0u; number < HEAD_SIZE; number += 1u) {
                    score += queries[row * WIDTH + number] * projected[here + number];
                }
            }
            scores[turn] = score;
        }
        share(row, lane);
        for (var key = start; key < min(start + TILE, own); key += 1u) {
            let part = shares[row * (TILE + 1u) + key - start];
            let here = (own_first + key) * PROJECTED + 2u * HIDDEN + offset;
            for (var turn = 0u; turn < NUMBERS_OF_LANE; turn += 1u) {
                sums[turn] += part * projected[here + min(lane + LANES * turn, HEAD_SIZE - 1u)];
            }
        }
    }

    workgroupBarrier();
    of_lanes[index] = total;
    workgroupBarrier();
    var all = 0.0;
    for (var other = 0u; other < LANES; other += 1u) {
        all += of_lanes[row * LANES + other];
    }
    if (row < count) {
        for (var turn = 0u; turn < NUMBERS_OF_LANE; turn += 1u) {
            let number = lane + LANES * turn;
            if (number < HEAD_SIZE) {
                mixed[listed * MIXED + offset + number] = sums[turn] / all;
            }
        }
    }
}
