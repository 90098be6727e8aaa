package optiformer

// #include "optiformer.h"
// #include <stdlib.h>
import "C"

import (
	"encoding/json"
	"math"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// A Space is what may be tried: an ordered list of parameters. A study has a copy of its own.
type Space struct {
	mutex      sync.Mutex
	handle     *C.optiformer_space
	parameters []Parameter
}

// NewSpace is a space of parameters.
//
// It fails with [ErrInvalidSpace] or [ErrInvalidValue], naming the parameter.
func NewSpace(parameters ...Parameter) (*Space, error) {
	space, err := newSpace()
	if err != nil {
		return nil, err
	}
	if err := space.addAll(parameters); err != nil {
		space.Close()
		return nil, err
	}
	return space, nil
}

// addAll adds parameters with their conditions, then the fidelity, which needs parameters beside
// it.
func (s *Space) addAll(parameters []Parameter) error {
	for _, parameter := range parameters {
		if err := s.add(parameter); err != nil {
			return err
		}
		if parameter.parent != "" {
			if err := s.SetCondition(parameter.name, parameter.parent, parameter.values...); err != nil {
				return err
			}
		}
	}
	for _, parameter := range parameters {
		if parameter.fidelity {
			if err := s.SetFidelity(parameter.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func newSpace() (*Space, error) {
	space, failure := new(Space), newFailure()
	if err := failure.err(C.optiformer_space_new(&space.handle, &failure.raw)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(space, (*Space).Close)
	return space, nil
}

// SpaceFromJSON reads a space from a JSON document, as the command-line tool does.
//
// It fails with [ErrInvalidSpace], naming line and column or the parameter.
func SpaceFromJSON(document string) (*Space, error) {
	text, free, err := text("document", document)
	if err != nil {
		return nil, err
	}
	defer free()
	space, failure := new(Space), newFailure()
	if err := failure.err(C.optiformer_space_from_json(text, &space.handle, &failure.raw)); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(space, (*Space).Close)
	parameters, err := parametersOf(document)
	if err != nil {
		space.Close()
		return nil, err
	}
	space.parameters = parameters
	return space, nil
}

// parametersOf reads names, kinds and choices from a space's document.
func parametersOf(document string) ([]Parameter, error) {
	var read struct {
		Parameters []struct {
			Name, Type string
			Choices    []any
		}
	}
	if err := json.Unmarshal([]byte(document), &read); err != nil {
		return nil, invalid("document: %v", err)
	}
	kinds := map[string]kind{"float": float, "int": integer, "categorical": categorical}
	var parameters []Parameter
	for _, entry := range read.Parameters {
		parameters = append(parameters, Parameter{name: entry.Name, kind: kinds[entry.Type], choices: entry.Choices})
	}
	return parameters, nil
}

// Add adds a parameter. After an error the space is as it was.
func (s *Space) Add(parameter Parameter) error {
	if parameter.parent == "" && !parameter.fidelity {
		return s.add(parameter)
	}
	// Parameter, condition and fidelity are calls of the library of which a later one may fail: they
	// are made on a copy.
	grown := new(Space)
	if s.Len() == 0 {
		empty, err := newSpace()
		if err != nil {
			return err
		}
		grown = empty
	} else {
		document, err := s.JSON()
		if err != nil {
			return err
		}
		if grown, err = SpaceFromJSON(document); err != nil {
			return err
		}
	}
	defer grown.Close()
	if err := grown.addAll([]Parameter{parameter}); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.handle, grown.handle = grown.handle, s.handle
	s.parameters = append(s.parameters, parameter)
	return nil
}

func (s *Space) add(parameter Parameter) error {
	name, free, err := text("name", parameter.name)
	if err != nil {
		return err
	}
	defer free()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return closed("space")
	}
	failure := newFailure()
	var status C.optiformer_status
	switch parameter.kind {
	case float:
		status = C.optiformer_space_add_float(s.handle, name, C.double(parameter.low), C.double(parameter.high),
			flag(parameter.log), C.double(parameter.step), &failure.raw)
	case integer:
		ints := parameter.ints
		if parameter.step != math.Trunc(parameter.step) {
			return invalid("parameter %q: a step of %v is not whole", parameter.name, parameter.step)
		}
		status = C.optiformer_space_add_int(s.handle, name, C.int64_t(ints[0]), C.int64_t(ints[1]), flag(parameter.log),
			C.int64_t(ints[2]), &failure.raw)
	case categorical:
		choices, free, err := texts("choice", parameter.choices)
		if err != nil {
			return err
		}
		defer free()
		status = C.optiformer_space_add_categorical(s.handle, name, choices, C.size_t(len(parameter.choices)), &failure.raw)
	}
	if err := failure.err(status); err != nil {
		return err
	}
	s.parameters = append(s.parameters, parameter)
	return nil
}

// SetCondition makes a parameter active only while parent has one of the values: an int's, or a
// categorical's choices. After an error the space is as it was.
func (s *Space) SetCondition(name, parent string, values ...any) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return closed("space")
	}
	numbers := make([]float64, len(values))
	if index := s.index(parent); index >= 0 {
		for place, value := range values {
			number, err := s.parameters[index].number(value)
			if err != nil {
				return err
			}
			numbers[place] = number
		}
	}
	nameText, freeName, err := text("name", name)
	if err != nil {
		return err
	}
	defer freeName()
	parentText, freeParent, err := text("parent", parent)
	if err != nil {
		return err
	}
	defer freeParent()
	failure := newFailure()
	return failure.err(C.optiformer_space_set_condition(s.handle, nameText, parentText, doubles(numbers),
		C.size_t(len(numbers)), &failure.raw))
}

// SetFidelity makes a parameter the fidelity, as [Parameter.Fidelity] does. After an error the
// space is as it was.
func (s *Space) SetFidelity(name string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return closed("space")
	}
	copied, free, err := text("name", name)
	if err != nil {
		return err
	}
	defer free()
	failure := newFailure()
	return failure.err(C.optiformer_space_set_fidelity(s.handle, copied, &failure.raw))
}

// Len is the number of parameters.
func (s *Space) Len() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.parameters)
}

// Names are the parameters' names, in order.
func (s *Space) Names() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return names(s.parameters)
}

// JSON is the space as a document that [SpaceFromJSON] reads.
func (s *Space) JSON() (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == nil {
		return "", closed("space")
	}
	return written(func(buffer *C.char, capacity C.size_t, needed *C.size_t, failure *failure) C.optiformer_status {
		return C.optiformer_space_to_json(s.handle, buffer, capacity, needed, &failure.raw)
	})
}

// written is the text that a function writes: asked for its length, then for itself.
func written(write func(*C.char, C.size_t, *C.size_t, *failure) C.optiformer_status) (string, error) {
	failure := newFailure()
	var needed C.size_t
	if err := failure.err(write(nil, 0, &needed, failure)); err != nil {
		return "", err
	}
	buffer := make([]byte, needed)
	if err := failure.err(write((*C.char)(unsafe.Pointer(&buffer[0])), needed, nil, failure)); err != nil {
		return "", err
	}
	return string(buffer[:needed-1]), nil
}

// Close frees the space; studies that were made with it go on.
func (s *Space) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	C.optiformer_space_free(s.handle)
	s.handle = nil
	return nil
}

func (s *Space) index(name string) int {
	for index := range s.parameters {
		if s.parameters[index].name == name {
			return index
		}
	}
	return -1
}

func names(parameters []Parameter) []string {
	names := make([]string, len(parameters))
	for index := range parameters {
		names[index] = parameters[index].name
	}
	return names
}

func closed(what string) error { return &Error{"CLOSED", "the " + what + " was closed", ErrClosed} }

func flag(value bool) C.int {
	if value {
		return 1
	}
	return 0
}

// doubles is the place of the first number, nil where there is none.
func doubles(values []float64) *C.double {
	if len(values) == 0 {
		return nil
	}
	return (*C.double)(unsafe.Pointer(&values[0]))
}

// text copies a text for C, which would end it at the first NUL.
func text(what, value string) (*C.char, func(), error) {
	if strings.ContainsRune(value, 0) {
		return nil, nil, invalid("%s %q has a NUL character", what, value)
	}
	copied := C.CString(value)
	return copied, func() { C.free(unsafe.Pointer(copied)) }, nil
}

// texts copies texts for C; what says what they are.
func texts(what string, values []any) (**C.char, func(), error) {
	array := (**C.char)(C.calloc(C.size_t(len(values)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	places := unsafe.Slice(array, len(values)+1)
	free := func() {
		for _, place := range places {
			C.free(unsafe.Pointer(place))
		}
		C.free(unsafe.Pointer(array))
	}
	for index, value := range values {
		copied, _, err := text(what, value.(string))
		if err != nil {
			free()
			return nil, nil, err
		}
		places[index] = copied
	}
	return array, free, nil
}
