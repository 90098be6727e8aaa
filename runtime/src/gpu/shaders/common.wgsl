// What one run over some rows needs to know; `batch.rs` writes it.
struct Stage {
    // How many rows.
    count: u32,
    // Where in `plan` each of the batch's rows says its token, position, first row of its branch, and slot of the pool.
    rows_at: u32,
    // Where in `plan` the rows of this stage are listed.
    list_at: u32,
    // Where in `plan` the blocks of the attention begin.
    blocks_at: u32,
    // The range of tokens whose logits are asked for.
    first_column: u32,
    columns: u32,
    reserved_one: u32,
    reserved_two: u32,
}

@group(0) @binding(0) var<uniform> stage: Stage;
