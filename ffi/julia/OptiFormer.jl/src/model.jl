"""
    Model()
    Model(path::AbstractString)
    Model(bytes::Vector{UInt8})

Immutable weights, which any number of studies may share: those of the library, a safetensors file, or one in memory.

Throws an [`OptiFormerError`](@ref): `:IO` with the path, `:INVALID_WEIGHTS` with the byte offset, field or tensor.
"""
mutable struct Model
    handle::Ptr{Cvoid}

    function Model(handle::Ptr{Cvoid})
        model = new(handle)
        return finalizer(model -> LibOptiFormer.optiformer_model_free(model.handle), model)
    end
end

# A call that is given the model keeps it from the garbage collector.
Base.unsafe_convert(::Type{Ptr{Cvoid}}, model::Model) = model.handle

Model() = Model(handed_out((out, error) -> LibOptiFormer.optiformer_model_builtin(out, error)))

function Model(path::AbstractString)
    name = text("path", path)
    return Model(handed_out((out, error) -> LibOptiFormer.optiformer_model_open(name, out, error)))
end

function Model(bytes::Vector{UInt8})
    read(out, error) = LibOptiFormer.optiformer_model_from_bytes(bytes, length(bytes), out, error)
    return Model(handed_out(read))
end
