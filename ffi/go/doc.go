// Package optiformer proposes the next configuration to try, given the results so far: a black-box
// optimizer with Gaussian processes, TPE, CMA-ES, local search and a trained transformer.
//
// [Space] says what may be tried, [Study] asks and tells, [Study.Optimize] runs a whole study, and
// [Suggest] serves callers that keep trials of their own.
//
// The package calls the C library of optiformer.h, which it links statically. Its functions fail
// with an [*Error], which unwraps to one of the sentinel values [ErrInvalidValue],
// [ErrInvalidSpace] and so on. Values may be shared by goroutines, which then wait for each other.
// What the library allocates is freed by Close, or by the garbage collector in time.
package optiformer
