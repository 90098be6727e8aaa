package optiformer

// #include "optiformer.h"
import "C"

import (
	"math"
	"unsafe"
)

// A Measurement is what was measured of one trial, in the order of the study's objectives and
// constraints.
type Measurement struct {
	// Objectives may be empty where a constraint is violated and nothing else was measured.
	Objectives []float64
	// Constraints are at most 0 where they hold.
	Constraints []float64
}

// A TrialState is how far a trial is.
type TrialState int

// The states of a trial.
const (
	Pending  TrialState = C.OPTIFORMER_PENDING
	Finished TrialState = C.OPTIFORMER_FINISHED
	Failed   TrialState = C.OPTIFORMER_FAILED
	Pruned   TrialState = C.OPTIFORMER_PRUNED
)

// String is the state in words.
func (s TrialState) String() string {
	return [...]string{"pending", "finished", "failed", "pruned"}[s]
}

// A Report is an intermediate value of a trial.
type Report struct {
	Step  uint64
	Value float64
}

// A StoredTrial is a trial that is read back.
type StoredTrial struct {
	Trial
	State TrialState
	// Measurement has NaN for what was not measured; objectives also of a trial that has not
	// finished.
	Measurement
	// Reports are the intermediate values, by ascending step.
	Reports []Report
}

// TellMeasured says how a trial of a study with constraints or several objectives went. A number
// that is not finite counts as a failed trial.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold], and with [ErrInvalidValue] for another
// number of objectives or constraints than the study has.
func (s *Study) TellMeasured(id uint64, measured Measurement) error {
	objectives, constraints := measured.Objectives, measured.Constraints
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_tell_measured(s.handle, C.uint64_t(id), doubles(objectives), C.size_t(len(objectives)),
			doubles(constraints), C.size_t(len(constraints)), &failure.raw)
	})
}

// AddMeasured is [Study.Add] with what [Study.TellMeasured] takes.
//
// It fails with [ErrInvalidValue], naming the parameter, objectives or constraints.
func (s *Study) AddMeasured(parameters map[string]any, measured Measurement) (uint64, error) {
	values, err := row(s.parameters, parameters)
	if err != nil {
		return 0, err
	}
	objectives, constraints := measured.Objectives, measured.Constraints
	var id C.uint64_t
	err = s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_add_measured(s.handle, doubles(values), C.size_t(len(values)), doubles(objectives),
			C.size_t(len(objectives)), doubles(constraints), C.size_t(len(constraints)), &id, &failure.raw)
	})
	return uint64(id), err
}

// TellPruned says that a trial was ended early, because its intermediate values were poor. The last
// of them counts for later suggestions.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold], and with [ErrInvalidValue] in a study of
// several objectives.
func (s *Study) TellPruned(id uint64) error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_tell_pruned(s.handle, C.uint64_t(id), &failure.raw)
	})
}

// Report records an intermediate value of a trial, which is pending: its objective at a step, such
// as an epoch. Steps ascend within a trial.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold], and with [ErrInvalidValue] for a step that
// is not above the one before, a value that is not finite, and a study of several objectives.
func (s *Study) Report(id, step uint64, value float64) error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_report(s.handle, C.uint64_t(id), C.uint64_t(step), C.double(value), &failure.raw)
	})
}

// ShouldStop is whether the pruner would end a trial, which is pending, for its intermediate
// values. Ask after each [Study.Report]; a trial that is ended is told by [Study.TellPruned]. It is
// false before the first report, and in a study without a pruner.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold].
func (s *Study) ShouldStop(id uint64) (bool, error) {
	var stops C.int32_t
	err := s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_should_stop(s.handle, C.uint64_t(id), &stops, &failure.raw)
	})
	return stops != 0, err
}

// PromotedFrom is the trial that a trial continues, in a space with a fidelity: of the earlier
// finished trials with the same other values and a lower fidelity, the one with the highest. A
// program that keeps its state under the trial's id can go on from there.
//
// It fails with [ErrUnknownTrial], and with [ErrNotFound] for a trial that continues none.
func (s *Study) PromotedFrom(id uint64) (uint64, error) {
	var source C.uint64_t
	err := s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_promoted_from(s.handle, C.uint64_t(id), &source, &failure.raw)
	})
	return uint64(source), err
}

// Front has the ids of the Pareto front, ascending: of the trials that violate no constraint and
// that no other such trial beats. Of one objective these are all trials with the best value.
func (s *Study) Front() ([]uint64, error) {
	var ids []uint64
	err := s.call(func(failure *failure) C.optiformer_status {
		var count C.size_t
		status := C.optiformer_study_front(s.handle, nil, 0, &count, &failure.raw)
		if status != C.OPTIFORMER_OK || count == 0 {
			return status
		}
		ids = make([]uint64, count)
		return C.optiformer_study_front(s.handle, wholes(ids), count, &count, &failure.raw)
	})
	return ids, err
}

// Violation is by how much a trial violates the constraints: 0 where they hold, NaN where they were
// not measured.
//
// It fails with [ErrUnknownTrial].
func (s *Study) Violation(id uint64) (float64, error) {
	violation := C.double(math.NaN())
	err := s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_violation(s.handle, C.uint64_t(id), &violation, &failure.raw)
	})
	return float64(violation), err
}

// Trials are all trials, in the order of their ids and without abandoned ones.
func (s *Study) Trials() ([]StoredTrial, error) {
	var trials []StoredTrial
	err := s.call(func(failure *failure) C.optiformer_status {
		var count C.size_t
		status := C.optiformer_study_trials(s.handle, nil, nil, nil, nil, 0, &count, &failure.raw)
		if status != C.OPTIFORMER_OK || count == 0 {
			return status
		}
		rows := int(count)
		ids, states := make([]uint64, rows), make([]C.int32_t, rows)
		values := make([]float64, rows*len(s.parameters))
		objectives, constraints := make([]float64, rows*s.objectives), make([]float64, rows*s.constraints)
		status = C.optiformer_study_trials(s.handle, wholes(ids), &states[0], doubles(values), nil, count, &count, &failure.raw)
		if status == C.OPTIFORMER_OK {
			status = C.optiformer_study_measurements(s.handle, doubles(objectives), doubles(constraints), count, &count,
				&failure.raw)
		}
		for index := 0; index < rows && status == C.OPTIFORMER_OK; index++ {
			trial := Trial{ids[index], cut(values, index, len(s.parameters)), s.parameters}
			measured := Measurement{cut(objectives, index, s.objectives), cut(constraints, index, s.constraints)}
			stored := StoredTrial{Trial: trial, State: TrialState(states[index]), Measurement: measured}
			stored.Reports, status = s.reports(ids[index], failure)
			trials = append(trials, stored)
		}
		return status
	})
	if err != nil {
		return nil, err
	}
	return trials, nil
}

// reports are the intermediate values of a trial; the study is locked.
func (s *Study) reports(id uint64, failure *failure) ([]Report, C.optiformer_status) {
	var count C.size_t
	status := C.optiformer_study_reports(s.handle, C.uint64_t(id), nil, nil, 0, &count, &failure.raw)
	if status != C.OPTIFORMER_OK || count == 0 {
		return nil, status
	}
	steps, values := make([]uint64, count), make([]float64, count)
	status = C.optiformer_study_reports(s.handle, C.uint64_t(id), wholes(steps), doubles(values), count, &count, &failure.raw)
	reports := make([]Report, len(steps))
	for index := range reports {
		reports[index] = Report{steps[index], values[index]}
	}
	return reports, status
}

// cut is row index of a matrix.
func cut(values []float64, index, width int) []float64 {
	return values[index*width : (index+1)*width : (index+1)*width]
}

// wholes is the place of the first number; there is one.
func wholes(values []uint64) *C.uint64_t { return (*C.uint64_t)(unsafe.Pointer(&values[0])) }
