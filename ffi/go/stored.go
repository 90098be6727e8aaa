package optiformer

// #include "optiformer.h"
import "C"

import "encoding/json"

// OpenStudy opens the study in a file, or creates it. Each change is in the file when its call
// returns. Trials that were pending when the file was last closed are asked for first. The file is
// locked until the study is closed.
//
// With a nil space the file must exist, and of the options the model alone counts.
//
// It fails with [ErrIO] where the file cannot be opened or another process has it, and with
// [ErrInvalidJournal] for a damaged file, and for another study than the one that is asked for,
// naming what differs.
func OpenStudy(path string, space *Space, options Options) (*Study, error) {
	place, freePath, err := text("path", path)
	if err != nil {
		return nil, err
	}
	defer freePath()
	raw, free, err := options.raw()
	if err != nil {
		return nil, err
	}
	defer free()
	var handle *C.optiformer_space
	if space != nil {
		space.mutex.Lock()
		defer space.mutex.Unlock()
		if space.handle == nil {
			return nil, closed("space")
		}
		handle = space.handle
	}
	study, err := newStudy(func(out **C.optiformer_study, failure *failure) C.optiformer_status {
		return C.optiformer_study_open(place, handle, raw, out, &failure.raw)
	})
	if err != nil {
		return nil, err
	}
	if space != nil {
		study.parameters = append(study.parameters, space.parameters...)
		return study, nil
	}
	return study.withOwnParameters()
}

// RestoreStudy is a study in memory from what [Study.Save] gave: it goes on as the one that was
// saved would have. The model is that of [Options] and may be nil.
//
// It fails with [ErrInvalidJournal], with line and byte.
func RestoreStudy(saved string, model *Model) (*Study, error) {
	document, free, err := text("saved", saved)
	if err != nil {
		return nil, err
	}
	defer free()
	var weights *C.optiformer_model
	if model != nil {
		model.mutex.RLock()
		defer model.mutex.RUnlock()
		if model.handle == nil {
			return nil, closed("model")
		}
		weights = model.handle
	}
	study, err := newStudy(func(out **C.optiformer_study, failure *failure) C.optiformer_status {
		return C.optiformer_study_restore(document, weights, out, &failure.raw)
	})
	if err != nil {
		return nil, err
	}
	return study.withOwnParameters()
}

// withOwnParameters reads the parameters of a study that was made without a space.
func (s *Study) withOwnParameters() (*Study, error) {
	space, err := s.Space()
	if err != nil {
		s.Close()
		return nil, err
	}
	defer space.Close()
	s.parameters = append(s.parameters, space.parameters...)
	return s, nil
}

// Space is a copy of the study's space.
func (s *Study) Space() (*Space, error) {
	space := new(Space)
	err := s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_space(s.handle, &space.handle, &failure.raw)
	})
	if err != nil {
		return nil, err
	}
	defer space.Close()
	document, err := space.JSON()
	if err != nil {
		return nil, err
	}
	return SpaceFromJSON(document)
}

// Save is the whole study as a text, which [RestoreStudy] and the command-line tool read.
func (s *Study) Save() (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return "", closed("study")
	}
	return written(func(buffer *C.char, capacity C.size_t, needed *C.size_t, failure *failure) C.optiformer_status {
		return C.optiformer_study_save(s.handle, buffer, capacity, needed, &failure.raw)
	})
}

// Results is what the study came to, as JSON: "best_score" of the feasible trials,
// "num_evaluations", "num_feasible", "converged" and "all_results", the trials that have ended,
// each with "params" and "score"; of several objectives the "pareto_front".
func (s *Study) Results() (json.RawMessage, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return nil, closed("study")
	}
	text, err := written(func(buffer *C.char, capacity C.size_t, needed *C.size_t, failure *failure) C.optiformer_status {
		return C.optiformer_study_results(s.handle, buffer, capacity, needed, &failure.raw)
	})
	return json.RawMessage(text), err
}

// Abandon lets a trial, which is pending, leave the study without an outcome.
//
// It fails with [ErrUnknownTrial] or [ErrAlreadyTold].
func (s *Study) Abandon(id uint64) error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_abandon(s.handle, C.uint64_t(id), &failure.raw)
	})
}

// OfferPending lets the trials that are pending now be asked for again, unchanged, before anything
// new: for a study whose workers are gone.
func (s *Study) OfferPending() error {
	return s.call(func(failure *failure) C.optiformer_status {
		return C.optiformer_study_offer_pending(s.handle, &failure.raw)
	})
}
