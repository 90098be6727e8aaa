package optiformer

// #include "optiformer.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// A Model is immutable weights, which any number of studies and goroutines may share.
type Model struct {
	mutex  sync.RWMutex
	handle *C.optiformer_model
}

// BuiltinModel is the weights that are part of the library.
func BuiltinModel() (*Model, error) {
	return newModel(func(out **C.optiformer_model, failure *failure) C.optiformer_status {
		return C.optiformer_model_builtin(out, &failure.raw)
	})
}

// OpenModel reads a safetensors file.
//
// It fails with [ErrIO] and the path, or with [ErrInvalidWeights] and the byte offset, field or
// tensor.
func OpenModel(path string) (*Model, error) {
	text, free, err := text("path", path)
	if err != nil {
		return nil, err
	}
	defer free()
	return newModel(func(out **C.optiformer_model, failure *failure) C.optiformer_status {
		return C.optiformer_model_open(text, out, &failure.raw)
	})
}

// ModelFromBytes reads such a file from memory.
//
// It fails with [ErrInvalidWeights] and the byte offset, field or tensor.
func ModelFromBytes(bytes []byte) (*Model, error) {
	return newModel(func(out **C.optiformer_model, failure *failure) C.optiformer_status {
		var first *C.uint8_t
		if len(bytes) > 0 {
			first = (*C.uint8_t)(unsafe.Pointer(&bytes[0]))
		}
		return C.optiformer_model_from_bytes(first, C.size_t(len(bytes)), out, &failure.raw)
	})
}

func newModel(read func(**C.optiformer_model, *failure) C.optiformer_status) (*Model, error) {
	model, failure := new(Model), newFailure()
	if err := failure.err(read(&model.handle, failure)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(model, (*Model).Close)
	return model, nil
}

// Close frees the model; studies that were made with it go on.
func (m *Model) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	C.optiformer_model_free(m.handle)
	m.handle = nil
	return nil
}
