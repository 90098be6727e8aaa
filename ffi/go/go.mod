module github.com/optiformer/optiformer/ffi/go

go 1.19
