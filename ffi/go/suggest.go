package optiformer

// #include "optiformer.h"
import "C"

import "unsafe"

// A Request is everything that a suggestion depends on. A configuration is a row of numbers in the
// order of the parameters: a choice by its index, NaN for a parameter that is not active.
type Request struct {
	// History has the trials that finished, in the order of their numbers.
	History [][]float64
	// Losses are theirs, to be minimized; one that is not finite means a failed trial.
	Losses []float64
	// Pending trials have no outcome so far.
	Pending [][]float64
	// Sampler and Model are as in [Options]. Without a model, each call unpacks the built-in
	// weights.
	Sampler string
	Model   *Model
	// Seed is the study's.
	Seed uint64
	// Number is that of the trial that is asked for, from 0.
	Number uint64
}

// Suggest gives count configurations to try next: a pure function of the space and the request.
// Each suggestion takes those before it for pending.
//
// It fails with [ErrInvalidValue], naming array, row and parameter.
func Suggest(space *Space, request Request, count int) ([][]float64, error) {
	space.mutex.Lock()
	defer space.mutex.Unlock()
	if space.handle == nil {
		return nil, closed("space")
	}
	width := len(space.parameters)
	if len(request.History) != len(request.Losses) {
		return nil, invalid("%d trials and %d losses", len(request.History), len(request.Losses))
	}
	if count < 0 {
		return nil, invalid("count %d is negative", count)
	}
	history, err := flat("history", request.History, width)
	if err != nil {
		return nil, err
	}
	pending, err := flat("pending", request.Pending, width)
	if err != nil {
		return nil, err
	}
	var raw C.optiformer_suggest_options
	raw.struct_size = C.size_t(unsafe.Sizeof(raw))
	raw.seed, raw.number = C.uint64_t(request.Seed), C.uint64_t(request.Number)
	if request.Sampler != "" {
		sampler, free, err := text("sampler", request.Sampler)
		if err != nil {
			return nil, err
		}
		defer free()
		raw.sampler = sampler
	}
	if request.Model != nil {
		request.Model.mutex.RLock()
		defer request.Model.mutex.RUnlock()
		if request.Model.handle == nil {
			return nil, closed("model")
		}
		raw.model = request.Model.handle
	}
	out, failure := make([]float64, count*width), newFailure()
	err = failure.err(C.optiformer_suggest(space.handle, &raw, doubles(history), doubles(request.Losses),
		C.size_t(len(request.Losses)), doubles(pending), C.size_t(len(request.Pending)), doubles(out), C.size_t(count),
		&failure.raw))
	if err != nil {
		return nil, err
	}
	rows := make([][]float64, count)
	for index := range rows {
		rows[index] = out[index*width : (index+1)*width : (index+1)*width]
	}
	return rows, nil
}

func flat(name string, rows [][]float64, width int) ([]float64, error) {
	values := make([]float64, 0, len(rows)*width)
	for index, row := range rows {
		if len(row) != width {
			return nil, invalid("%s, row %d: %d values for %d parameters", name, index, len(row), width)
		}
		values = append(values, row...)
	}
	return values, nil
}
