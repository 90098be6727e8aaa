//go:build optiformer_pkgconfig

package optiformer

// #cgo pkg-config: optiformer
import "C"
