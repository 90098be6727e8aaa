// Rotary embedding of the queries and keys of a batch (Su et al. 2021, equation 34), and storage of the keys and values of rows that
// have a slot of the pool. An invocation has one pair of numbers.
@group(0) @binding(1) var<storage, read> plan: array<u32>;
// Cosine and sine, [positions, HEAD_SIZE / 2].
@group(0) @binding(2) var<storage, read> rope_table: array<vec2<f32>>;
// Queries, keys and values side by side, [count, PROJECTED].
@group(0) @binding(3) var<storage, read_write> projected: array<f32>;
// Keys and values, [slots, 2, HIDDEN].
@group(0) @binding(4) var<storage, read_write> pool: array<f32>;

const HALF: u32 = HEAD_SIZE / 2u;

fn rotated(at: u32, angle: vec2<f32>) -> vec2<f32> {
    let one = projected[at];
    let other = projected[at + HALF];
    return vec2<f32>(one * angle.x - other * angle.y, other * angle.x + one * angle.y);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let pair = group.x * 64u + index;
    if (pair >= HIDDEN / 2u) {
        return;
    }
    let entry = stage.rows_at + 4u * group.y;
    let angle = rope_table[plan[entry + 1u] * HALF + pair % HALF];
    let place = pair / HALF * HEAD_SIZE + pair % HALF;
    let query = group.y * PROJECTED + place;
    let key = query + HIDDEN;
    let value = key + HIDDEN;
    let queries = rotated(query, angle);
    let keys = rotated(key, angle);
    projected[query] = queries.x;
    projected[query + HALF] = queries.y;
    projected[key] = keys.x;
    projected[key + HALF] = keys.y;
    let slot = plan[entry + 3u];
    if (slot != NO_SLOT) {
        let stored = slot * 2u * HIDDEN + place;
        pool[stored] = keys.x;
        pool[stored + HALF] = keys.y;
        pool[stored + HIDDEN] = projected[value];
        pool[stored + HIDDEN + HALF] = projected[value + HALF];
    }
}
