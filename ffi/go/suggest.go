package optiformer

// #include "optiformer.h"
// #include <stdlib.h>
import "C"

import "unsafe"

// A Request is everything that a suggestion depends on. A configuration is a row of numbers in the
// order of the parameters: a choice by its index, NaN for a parameter that is not active.
type Request struct {
	// History has the trials that finished, in the order of their numbers.
	History [][]float64
	// Losses are theirs, to be minimized; one that is not finite means a failed trial. Of several
	// objectives they lie one after the other, trial by trial.
	Losses []float64
	// Objectives is the number of losses of a trial; 0 for one.
	Objectives int
	// Constraints are the values of the constraints of each trial, at most 0 where they hold and NaN
	// where they were not measured; nil without constraints.
	Constraints [][]float64
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

// A Ranking is the order in which to try given configurations.
type Ranking struct {
	// Order has the candidates' places, the most promising first.
	Order []int
	// Ratings are what each candidate is ranked by, larger is better; NaN where the sampler has no
	// such number.
	Ratings []float64
}

// Suggest gives count configurations to try next: a pure function of the space and the request.
// Each suggestion takes those before it for pending.
//
// It fails with [ErrInvalidValue], naming array, row and parameter.
func Suggest(space *Space, request Request, count int) ([][]float64, error) {
	if count < 0 {
		return nil, invalid("count %d is negative", count)
	}
	var out []float64
	err := request.call(space, func(its call, failure *failure) C.optiformer_status {
		out = make([]float64, count*its.width)
		return C.optiformer_suggest(space.handle, its.raw, doubles(its.history), doubles(request.Losses),
			C.size_t(len(request.History)), doubles(its.pending), C.size_t(len(request.Pending)), doubles(out),
			C.size_t(count), &failure.raw)
	})
	if err != nil {
		return nil, err
	}
	rows := make([][]float64, count)
	for index := range rows {
		rows[index] = cut(out, index, len(out)/count)
	}
	return rows, nil
}

// Choose ranks given configurations: the rows of a table, a pool, a feasible set that no space
// describes. It is a pure function of its arguments, as [Suggest] is; tried candidates are ranked
// with the others.
//
// It fails with [ErrInvalidValue], naming array, row and parameter, and with [ErrUnsupported] for
// "sobol" and "cma_es".
func Choose(space *Space, request Request, candidates [][]float64) (Ranking, error) {
	count := len(candidates)
	order, ranking := make([]C.size_t, count+1), Ranking{make([]int, count), make([]float64, count)}
	given, err := flat("candidates", candidates, space.Len(), "parameters")
	if err != nil {
		return Ranking{}, err
	}
	err = request.call(space, func(its call, failure *failure) C.optiformer_status {
		return C.optiformer_choose(space.handle, its.raw, doubles(its.history), doubles(request.Losses),
			C.size_t(len(request.History)), doubles(its.pending), C.size_t(len(request.Pending)), doubles(given),
			C.size_t(count), &order[0], doubles(ranking.Ratings), &failure.raw)
	})
	if err != nil {
		return Ranking{}, err
	}
	for index := range ranking.Order {
		ranking.Order[index] = int(order[index])
	}
	return ranking, nil
}

// A call is a request as C takes it.
type call struct {
	raw              *C.optiformer_suggest_options
	history, pending []float64
	width            int
}

// call runs a function of the library with the request, while nobody else uses the space.
func (r Request) call(space *Space, function func(call, *failure) C.optiformer_status) error {
	space.mutex.Lock()
	defer space.mutex.Unlock()
	if space.handle == nil {
		return closed("space")
	}
	objectives := r.Objectives
	if objectives < 1 {
		objectives = 1
	}
	if len(r.History)*objectives != len(r.Losses) {
		return invalid("%d trials and %d losses", len(r.History), len(r.Losses))
	}
	if r.Constraints != nil && len(r.Constraints) != len(r.History) {
		return invalid("%d trials and %d rows of constraints", len(r.History), len(r.Constraints))
	}
	its := call{raw: new(C.optiformer_suggest_options), width: len(space.parameters)}
	var err error
	if its.history, err = flat("history", r.History, its.width, "parameters"); err != nil {
		return err
	}
	if its.pending, err = flat("pending", r.Pending, its.width, "parameters"); err != nil {
		return err
	}
	constraintCount := 0
	if len(r.Constraints) > 0 {
		constraintCount = len(r.Constraints[0])
	}
	constraints, err := flat("constraints", r.Constraints, constraintCount, "constraints")
	if err != nil {
		return err
	}
	// C may keep no pointer to Go's memory in a struct.
	size := C.size_t(len(constraints)+1) * C.size_t(unsafe.Sizeof(C.double(0)))
	measured := (*C.double)(C.malloc(size))
	defer C.free(unsafe.Pointer(measured))
	places := unsafe.Slice(measured, len(constraints)+1)
	for index, value := range constraints {
		places[index] = C.double(value)
	}
	its.raw.struct_size = C.size_t(unsafe.Sizeof(*its.raw))
	its.raw.seed, its.raw.number = C.uint64_t(r.Seed), C.uint64_t(r.Number)
	its.raw.objective_count = C.size_t(objectives)
	its.raw.constraints, its.raw.constraint_count = measured, C.size_t(constraintCount)
	if r.Sampler != "" {
		sampler, free, err := text("sampler", r.Sampler)
		if err != nil {
			return err
		}
		defer free()
		its.raw.sampler = sampler
	}
	if r.Model != nil {
		r.Model.mutex.RLock()
		defer r.Model.mutex.RUnlock()
		if r.Model.handle == nil {
			return closed("model")
		}
		its.raw.model = r.Model.handle
	}
	failure := newFailure()
	return failure.err(function(its, failure))
}

// flat has the values of rows one after the other; of says what a row has.
func flat(name string, rows [][]float64, width int, of string) ([]float64, error) {
	values := make([]float64, 0, len(rows)*width)
	for index, row := range rows {
		if len(row) != width {
			return nil, invalid("%s, row %d: %d values for %d %s", name, index, len(row), width, of)
		}
		values = append(values, row...)
	}
	return values, nil
}
