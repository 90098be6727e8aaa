// Token embedding of a batch: `stream` is [count, 4 · FOURS].
@group(0) @binding(2) var<storage, read> plan: array<u32>;
@group(0) @binding(3) var<storage, read_write> stream: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let four = group.x * 64u + index;
    let row = group.y;
    if (four < FOURS) {
        let token = plan[stage.rows_at + 4u * row];
        stream[row * FOURS + four] = weights_of(token, four) * scale_of(token);
    }
}
