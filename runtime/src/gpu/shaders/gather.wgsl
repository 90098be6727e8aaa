// Gathers the listed rows of the stream: [count, 4 · FOURS].
@group(0) @binding(1) var<storage, read> plan: array<u32>;
@group(0) @binding(2) var<storage, read> stream: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> kept: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let four = group.x * 64u + index;
    if (four < FOURS) {
        let row = plan[stage.list_at + group.y];
        kept[group.y * FOURS + four] = stream[row * FOURS + four];
    }
}
