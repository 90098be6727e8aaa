package optiformer

// #include "optiformer.h"
import "C"

import (
	"math"
	"runtime"
	"sort"
	"strings"
	"sync"
	"unsafe"
)

// A Study hands out trials and is told how they went. Goroutines that share one wait for each
// other, and any number of trials may be pending.
type Study struct {
	mutex      sync.Mutex
	handle     *C.optiformer_study
	parameters []Parameter
	// How many values of each kind a trial has.
	objectives, constraints int
}

// Counts are the numbers of trials of each state.
type Counts struct{ Finished, Failed, Pending, Pruned int }

// Best is a finished trial with its value.
type Best struct {
	Trial
	Value float64
}

// An Explanation says why a trial was suggested, in units of the objective; the numbers are NaN
// where nothing was predicted.
type Explanation struct {
	// Sampler is the one that suggested it; under "auto" the one that was asked.
	Sampler string
	// Origin is "policy" (drawn from the transformer's policy), "neighbor" (of a good trial),
	// "spread" (a point of an even spread), "refined" (to where the acquisition is largest), "step"
	// (of a local model), "promoted" (from a lower fidelity) or "draw" (anything else).
	Origin string
	// Median of the predicted values.
	Median float64
	// Deviation is half of the range of about two thirds of the predicted values.
	Deviation float64
	// Improvement is by how much the best value is expected to improve, at least 0.
	Improvement float64
	// Feasibility is the probability that all constraints hold.
	Feasibility float64
}

// NewStudy is a study over a copy of a space.
//
// It fails with [ErrInvalidSpace] for a space without parameters, and with [ErrInvalidValue] or
// [ErrUnsupported], naming the option.
func NewStudy(space *Space, options Options) (*Study, error) {
	space.mutex.Lock()
	defer space.mutex.Unlock()
	if space.handle == nil {
		return nil, closed("space")
	}
	raw, free, err := options.raw()
	if err != nil {
		return nil, err
	}
	defer free()
	study, err := newStudy(func(out **C.optiformer_study, failure *failure) C.optiformer_status {
		return C.optiformer_study_new(space.handle, raw, out, &failure.raw)
	})
	if err != nil {
		return nil, err
	}
	study.parameters = append(study.parameters, space.parameters...)
	return study, nil
}

// newStudy is a study that a function of the library hands out, without its parameters.
func newStudy(make func(**C.optiformer_study, *failure) C.optiformer_status) (*Study, error) {
	study, failure := new(Study), newFailure()
	if err := failure.err(make(&study.handle, failure)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(study, (*Study).Close)
	var objectives, constraints C.size_t
	if err := failure.err(C.optiformer_study_shape(study.handle, nil, &objectives, &constraints, &failure.raw)); err != nil {
		return nil, err
	}
	study.objectives, study.constraints = int(objectives), int(constraints)
	return study, nil
}

// Ask is the next trial.
func (s *Study) Ask() (Trial, error) {
	trial := Trial{values: make([]float64, len(s.parameters)), parameters: s.parameters}
	err := s.call(func(failure *failure) C.optiformer_status {
		id := (*C.uint64_t)(&trial.ID)
		return C.optiformer_study_ask(s.handle, id, doubles(trial.values), C.size_t(len(trial.values)), &failure.raw)
	})
	if err != nil {
		return Trial{}, err
	}
	return trial, nil
}

// Tell says how a trial went. A value that is not finite counts as a failed trial.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold], and with [ErrInvalidValue] in a study with
// constraints or several objectives, whose trials are told by [Study.TellMeasured].
func (s *Study) Tell(id uint64, value float64) error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_tell(s.handle, C.uint64_t(id), C.double(value), &failure.raw)
	})
}

// TellFailed says that a trial failed: it is kept, and avoided.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold].
func (s *Study) TellFailed(id uint64) error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_tell_failed(s.handle, C.uint64_t(id), &failure.raw)
	})
}

// Add adds a trial that was made elsewhere and gives its id. Parameters that are not active are
// left out; a value that is not finite means a failed trial.
//
// It fails with [ErrInvalidValue], naming the parameter.
func (s *Study) Add(parameters map[string]any, value float64) (uint64, error) {
	values, err := row(s.parameters, parameters)
	if err != nil {
		return 0, err
	}
	var id C.uint64_t
	err = s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_add(s.handle, doubles(values), C.size_t(len(values)), C.double(value), &id, &failure.raw)
	})
	return uint64(id), err
}

// Enqueue lets a configuration be asked for before any other, first in, first out. Active
// parameters that it lacks are filled in when it is asked for.
//
// It fails with [ErrInvalidValue], naming the parameter.
func (s *Study) Enqueue(parameters map[string]any) error {
	values, err := row(s.parameters, parameters)
	if err != nil {
		return err
	}
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_enqueue(s.handle, doubles(values), C.size_t(len(values)), &failure.raw)
	})
}

// Best is the best trial so far, of equals the first; [ErrNotFound] before any has finished, and in
// a study of several objectives, which has a [Study.Front]. Under constraints it is the best
// feasible trial, and while there is none the one that violates them least.
func (s *Study) Best() (Best, error) {
	best := Best{Trial: Trial{values: make([]float64, len(s.parameters)), parameters: s.parameters}}
	err := s.call(func(failure *failure) C.optiformer_status {
		id, value := (*C.uint64_t)(&best.ID), (*C.double)(&best.Value)
		return C.optiformer_study_best(s.handle, id, doubles(best.values), C.size_t(len(best.values)), value, &failure.raw)
	})
	if err != nil {
		return Best{}, err
	}
	return best, nil
}

// Explain says why a trial, which is pending, was suggested.
//
// It fails with [ErrUnknownTrial], and with [ErrNotFound] for a trial that was told, enqueued or
// added.
func (s *Study) Explain(id uint64) (Explanation, error) {
	var raw C.optiformer_explanation
	raw.struct_size = C.size_t(unsafe.Sizeof(raw))
	err := s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_explain(s.handle, C.uint64_t(id), &raw, &failure.raw)
	})
	if err != nil {
		return Explanation{}, err
	}
	return Explanation{
		Sampler:     C.GoString(&raw.sampler[0]),
		Origin:      C.GoString(&raw.origin[0]),
		Median:      float64(raw.median),
		Deviation:   float64(raw.deviation),
		Improvement: float64(raw.improvement),
		Feasibility: float64(raw.feasibility),
	}, nil
}

// Counts are the numbers of trials that have finished, have failed, are pending, and were pruned.
func (s *Study) Counts() (Counts, error) {
	var finished, failed, pending, pruned C.size_t
	err := s.call(func(failure *failure) C.optiformer_status {
		status := C.optiformer_study_counts(s.handle, &finished, &failed, &pending, &failure.raw)
		if status != C.OPTIFORMER_OK {
			return status
		}
		return C.optiformer_study_state_count(s.handle, C.OPTIFORMER_PRUNED, &pruned, &failure.raw)
	})
	return Counts{int(finished), int(failed), int(pending), int(pruned)}, err
}

// Close frees the study.
func (s *Study) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	C.optiformer_study_free(s.handle)
	s.handle = nil
	return nil
}

// call runs a function of the library while nobody else uses the study.
func (s *Study) call(function func(*failure) C.optiformer_status) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return closed("study")
	}
	failure := newFailure()
	return failure.err(function(failure))
}

// row is a configuration by names as the library takes it.
func row(parameters []Parameter, named map[string]any) ([]float64, error) {
	var unknown []string
	for name := range named {
		if !contains(parameters, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return nil, unknownParameter(parameters, unknown[0])
	}
	values := make([]float64, len(parameters))
	for index := range parameters {
		value, active := named[parameters[index].name]
		if !active {
			values[index] = math.NaN()
			continue
		}
		number, err := parameters[index].number(value)
		if err != nil {
			return nil, err
		}
		values[index] = number
	}
	return values, nil
}

func contains(parameters []Parameter, name string) bool {
	for index := range parameters {
		if parameters[index].name == name {
			return true
		}
	}
	return false
}

func unknownParameter(parameters []Parameter, name string) *Error {
	known := strings.Join(names(parameters), ", ")
	return invalid("the space has no parameter %q; it has %s", name, known)
}
