package optiformer

// #include "optiformer.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// What an [*Error] unwraps to; errors.Is(err, ErrAlreadyTold) tells which it was.
var (
	ErrInvalidValue   = errors.New("a value, length or option out of range")
	ErrInvalidSpace   = errors.New("a space that cannot be searched")
	ErrInvalidWeights = errors.New("weights truncated, damaged, or of another format")
	ErrUnknownTrial   = errors.New("an id that was never handed out")
	ErrAlreadyTold    = errors.New("a trial that was told before")
	ErrUnsupported    = errors.New("not offered by this build, model or sampler")
	ErrExhausted      = errors.New("everything has been tried")
	ErrIO             = errors.New("the operating system refused")
	ErrNotFound       = errors.New("nothing to report yet")
	ErrInvalidText    = errors.New("a text is not UTF-8")
	ErrInvalidJournal = errors.New("a stored study is damaged, or not the one asked for")
	// ErrClosed is the error of a value that was closed.
	ErrClosed = errors.New("closed")
	// ErrInternal is a bug in the library. A study that it happened to is of no more use.
	ErrInternal = errors.New("a bug in the library")
)

var sentinels = map[C.int]error{
	C.OPTIFORMER_INVALID_VALUE:   ErrInvalidValue,
	C.OPTIFORMER_INVALID_SPACE:   ErrInvalidSpace,
	C.OPTIFORMER_INVALID_WEIGHTS: ErrInvalidWeights,
	C.OPTIFORMER_UNKNOWN_TRIAL:   ErrUnknownTrial,
	C.OPTIFORMER_ALREADY_TOLD:    ErrAlreadyTold,
	C.OPTIFORMER_UNSUPPORTED:     ErrUnsupported,
	C.OPTIFORMER_EXHAUSTED:       ErrExhausted,
	C.OPTIFORMER_IO:              ErrIO,
	C.OPTIFORMER_NOT_FOUND:       ErrNotFound,
	C.OPTIFORMER_INVALID_TEXT:    ErrInvalidText,
	C.OPTIFORMER_INVALID_JOURNAL: ErrInvalidJournal,
}

// An Error says why a function of the library failed.
type Error struct {
	// Status is the name of the C function's status, such as "INVALID_SPACE".
	Status string
	// Message names the parameter, field or byte offset.
	Message string

	sentinel error
}

// Error gives the status and the message.
func (e *Error) Error() string { return "optiformer: " + e.Status + ": " + e.Message }

// Unwrap gives one of the sentinel values of this package.
func (e *Error) Unwrap() error { return e.sentinel }

func invalid(format string, arguments ...any) *Error {
	return &Error{"INVALID_VALUE", fmt.Sprintf(format, arguments...), ErrInvalidValue}
}

// A failure is what a call of the library writes its error to.
type failure struct{ raw C.optiformer_error }

func newFailure() *failure {
	failure := new(failure)
	failure.raw.struct_size = C.size_t(unsafe.Sizeof(failure.raw))
	return failure
}

// err is the error of the call that returned status.
func (f *failure) err(status C.optiformer_status) error {
	if status == C.OPTIFORMER_OK {
		return nil
	}
	sentinel, known := sentinels[C.int(status)]
	if !known {
		sentinel = ErrInternal
	}
	name := C.GoString(C.optiformer_status_name(C.int(status)))
	return &Error{name, C.GoString(&f.raw.message[0]), sentinel}
}

// Version is the library's, such as "0.1.0".
func Version() string { return C.GoString(C.optiformer_version_string()) }
