// Rows [count, 4 · FOURS] times a matrix [ROWS, 4 · FOURS], transposed: a tile of 64 × 64 results by a workgroup, 16 of the depth at a
// time through its memory, and 4 × 4 results by an invocation. Rows and matrix are padded by zeros along the depth.
@group(0) @binding(2) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> results: array<f32>;

// Four of the sixteen steps in depth are contiguous; 65 instead of 64 puts them into different memory banks.
var<workgroup> left: array<vec4<f32>, 260>;
var<workgroup> right: array<vec4<f32>, 260>;

fn products(one: vec4<f32>, column: u32) -> vec4<f32> {
    return vec4<f32>(
        dot(one, right[column]),
        dot(one, right[column + 16u]),
        dot(one, right[column + 32u]),
        dot(one, right[column + 48u]),
    );
}

fn silu(number: f32) -> f32 {
    // The clamp keeps the exponential finite where the result is zero.
    return number / (1.0 + exp(min(-number, 80.0)));
}

// Four results of a row: the tile's columns x, x + 16, x + 32 and x + 48.
fn finish(row: u32, tile: u32, x: u32, products: vec4<f32>) {
    if (row >= stage.count) {
        return;
    }
    let first = tile * 64u + x;
    if (EPILOGUE == SWIGLU) {
        // The matrix alternates 32 rows of the gate and 32 rows of the up projection.
        let column = tile * 32u + x;
        for (var part = 0u; part < 2u; part += 1u) {
            let gate = products[part] * scale_of(first + 16u * part);
            let open = products[part + 2u] * scale_of(first + 16u * part + 32u);
            if (column + 16u * part < STRIDE) {
                results[row * STRIDE + column + 16u * part] = silu(gate) * open;
            }
        }
        return;
    }
    for (var part = 0u; part < 4u; part += 1u) {
        let column = first + 16u * part;
        if (EPILOGUE == LOGITS) {
            if (column < stage.columns) {
                let token = stage.first_column + column;
                results[row * stage.columns + column] = products[part] * scale_of(token);
            }
        } else if (column < STRIDE) {
            let result = products[part] * scale_of(column);
            if (EPILOGUE == ADD) {
                results[row * STRIDE + column] += result;
            } else {
                results[row * STRIDE + column] = result;
            }
        }
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let x = index % 16u;
    let y = index / 16u;
    let loaded = index / 4u;
    let four = index % 4u;
    let row = group.y * 64u + loaded;
    var matrix_row = group.x * 64u + loaded;
    if (EPILOGUE == LOGITS) {
        matrix_row += stage.first_column;
    }
    var one = vec4<f32>();
    var two = vec4<f32>();
    var three = vec4<f32>();
    var last = vec4<f32>();
    for (var start = 0u; start < FOURS; start += 4u) {
        var number = vec4<f32>();
        if (row < stage.count) {
            number = rows[row * FOURS + start + four];
        }
        left[four * 65u + loaded] = number;
        number = vec4<f32>();
        if (matrix_row < ROWS) {
            number = weights_of(matrix_row, start + four);
        }
        right[four * 65u + loaded] = number;
        workgroupBarrier();
        for (var step = 0u; step < 4u; step += 1u) {
            let here = step * 65u;
            one += products(left[here + y], here + x);
            two += products(left[here + y + 16u], here + x);
            three += products(left[here + y + 32u], here + x);
            last += products(left[here + y + 48u], here + x);
        }
        workgroupBarrier();
    }
    let first = group.y * 64u + y;
    finish(first, group.x, x, one);
    finish(first + 16u, group.x, x, two);
    finish(first + 32u, group.x, x, three);
    finish(first + 48u, group.x, x, last);
}
