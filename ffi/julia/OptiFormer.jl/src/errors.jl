"""
What the library refuses.

`status` is the name of the C function's status, such as `:INVALID_SPACE`; `message` names the parameter, field or byte offset.
"""
struct OptiFormerError <: Exception
    status::Symbol
    message::String
end

Base.showerror(io::IO, error::OptiFormerError) = print(io, "OptiFormerError: ", error.status, ": ", error.message)

invalid(message) = OptiFormerError(:INVALID_VALUE, message)

"The text in a field of a struct."
text_of(bytes::NTuple) = String(collect(Iterators.takewhile(!=(0x00), bytes)))

"""
Calls `call` with an error struct of its own, and throws what that says. `call` gives a status.
"""
function check(call)
    zero_message = ntuple(_ -> 0x00, 512)
    error = Ref(LibOptiFormer.optiformer_error(sizeof(LibOptiFormer.optiformer_error), 0, zero_message))
    status = call(error)
    status == LibOptiFormer.OPTIFORMER_OK && return nothing
    name = unsafe_string(LibOptiFormer.optiformer_status_name(status))
    throw(OptiFormerError(Symbol(name), text_of(error[].message)))
end

"The handle that `call` hands out."
function handed_out(call)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(error -> call(out, error))
    return out[]
end

"The text that `call` writes: asked for its length, then for itself."
function written(call)
    needed = Ref{Csize_t}(0)
    check(error -> call(C_NULL, 0, needed, error))
    buffer = Vector{UInt8}(undef, needed[])
    check(error -> call(buffer, length(buffer), needed, error))
    return String(buffer[1:(end - 1)])
end

"A text for C, which ends at the first NUL."
function text(what, value)
    converted = String(value)
    '\0' in converted && throw(invalid("$what $(repr(converted)) has a NUL character"))
    return converted
end
