// The twin of rms_norm.wgsl for adapters with subgroups: one barrier in place of seven.
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> normal: array<vec4<f32>>;

// One number per subgroup, of which there are at most as many as invocations.
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = group.x * FOURS;
    var sum = 0.0;
    for (var four = index; four < FOURS; four += 64u) {
        let number = rows[start + four];
        sum += dot(number, number);
    }
    sum = subgroupAdd(sum);
    if (lane == 0u) {
        partial[subgroup] = sum;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var other = 0u; other < subgroups; other += 1u) {
        total += partial[other];
    }
    let scale = inverseSqrt(total / f32(HIDDEN) + EPSILON);
    for (var four = index; four < FOURS; four += 64u) {
        normal[start + four] = rows[start + four] * scale * gain[four];
    }
}
