// RMSNorm of a row of HIDDEN numbers by a workgroup; rows are padded by zeros.
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> normal: array<vec4<f32>>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let start = group.x * FOURS;
    var sum = 0.0;
    for (var four = index; four < FOURS; four += 64u) {
        let number = rows[start + four];
        sum += dot(number, number);
    }
    partial[index] = sum;
    workgroupBarrier();
    for (var width = 32u; width > 0u; width /= 2u) {
        if (index < width) {
            partial[index] += partial[index + width];
        }
        workgroupBarrier();
    }
    let scale = inverseSqrt(partial[0] / f32(HIDDEN) + EPSILON);
    for (var four = index; four < FOURS; four += 64u) {
        normal[start + four] = rows[start + four] * scale * gain[four];
    }
}
