package optiformer

// #include "optiformer.h"
// #include <stdlib.h>
import "C"

import "unsafe"

// Options of a study. The zero value minimizes with the sampler "auto" and the seed 0.
type Options struct {
	// Maximize looks for the largest value.
	Maximize bool
	// Sampler is "auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "grid", "sobol" or
	// "random"; "hyperband" for a space with a fidelity.
	Sampler string
	// Model has weights for "optiformer", "auto" and "hyperband"; nil for the built-in ones.
	Model *Model
	// Seed of all suggestions: the same seed and answers give the same study.
	Seed uint64
	// Constraints are names of values that are told with each trial and shall be at most 0.
	Constraints []string
	// Objectives are several numbers to be optimized at once; the trials then spread along the
	// Pareto front, which [Study.Front] has. Maximize is that of a study without them.
	Objectives []NamedObjective
	// Pruner is the rule that [Study.ShouldStop] applies, as the tool's --pruner takes it: "median",
	// "percentile:25", "asha:min=1,max=81", "hyperband:max=81", "patient:5:median"; "" for none.
	Pruner string
}

// A NamedObjective is one of the numbers that a study optimizes.
type NamedObjective struct {
	Name     string
	Maximize bool
}

// raw gives the options as C has them, until the function is called.
func (o Options) raw() (*C.optiformer_study_options, func(), error) {
	raw := new(C.optiformer_study_options)
	raw.struct_size = C.size_t(unsafe.Sizeof(*raw))
	raw.seed = C.uint64_t(o.Seed)
	raw.direction = direction(o.Maximize)
	var frees []func()
	free := func() {
		for _, free := range frees {
			free()
		}
	}
	fail := func(err error) (*C.optiformer_study_options, func(), error) {
		free()
		return nil, nil, err
	}
	if o.Sampler != "" {
		sampler, free, err := text("sampler", o.Sampler)
		if err != nil {
			return fail(err)
		}
		frees = append(frees, free)
		raw.sampler = sampler
	}
	if o.Pruner != "" {
		pruner, free, err := text("pruner", o.Pruner)
		if err != nil {
			return fail(err)
		}
		frees = append(frees, free)
		raw.pruner = pruner
	}
	var constraints, objectives []any
	for _, name := range o.Constraints {
		constraints = append(constraints, name)
	}
	for _, objective := range o.Objectives {
		objectives = append(objectives, objective.Name)
	}
	names, freeNames, err := texts("constraint", constraints)
	if err != nil {
		return fail(err)
	}
	frees = append(frees, freeNames)
	raw.constraints, raw.constraint_count = names, C.size_t(len(constraints))
	names, freeNames, err = texts("objective", objectives)
	if err != nil {
		return fail(err)
	}
	frees = append(frees, freeNames)
	raw.objectives, raw.objective_count = names, C.size_t(len(objectives))
	// C may keep no pointer to Go's memory in a struct, so that the directions are in its own.
	raw.directions = (*C.int32_t)(C.calloc(C.size_t(len(objectives)+1), C.size_t(unsafe.Sizeof(C.int32_t(0)))))
	directions := unsafe.Slice(raw.directions, len(objectives)+1)
	frees = append(frees, func() { C.free(unsafe.Pointer(raw.directions)) })
	for index, objective := range o.Objectives {
		directions[index] = direction(objective.Maximize)
	}
	if o.Model != nil {
		o.Model.mutex.RLock()
		frees = append(frees, o.Model.mutex.RUnlock)
		if o.Model.handle == nil {
			return fail(closed("model"))
		}
		raw.model = o.Model.handle
	}
	return raw, free, nil
}

func direction(maximize bool) C.int32_t {
	if maximize {
		return C.OPTIFORMER_MAXIMIZE
	}
	return C.OPTIFORMER_MINIMIZE
}
